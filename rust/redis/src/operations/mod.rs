//! The operations of the store, each as a conversation, and the scripts that they run.

pub mod batch;
pub(crate) mod cancel;
pub(crate) mod enqueue;
pub(crate) mod get;
pub(crate) mod held;
pub(crate) mod inspect;
pub(crate) mod list;
pub(crate) mod open;
mod parts;
pub(crate) mod pause;
mod single;
pub(crate) mod stats;
pub(crate) mod sweep;
pub(crate) mod unreadable;

use crate::script::Script;

/// Every script of every operation.
pub(crate) const SCRIPTS: &[&Script] = &[
    &cancel::RUN_NOW,
    &cancel::SCRIPT,
    &enqueue::SCRIPT,
    &get::SCRIPT,
    &get::WATCH,
    &held::PROGRESS,
    &held::RECORD,
    &held::RESERVE,
    &list::DEAD,
    &list::LIST,
    &open::SCRIPT,
    &pause::SCRIPT,
    &stats::NEXT_DUE,
    &stats::STATS,
    &sweep::PRUNABLE,
    &sweep::REMOVE,
    &sweep::STRIP,
    &sweep::STRIPPABLE,
];
