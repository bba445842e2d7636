//! The operations of the store, each as a conversation, and the scripts that they run.

pub mod batch;
pub(crate) mod cancel;
pub(crate) mod check;
pub(crate) mod claim;
pub(crate) mod enqueue;
pub(crate) mod expired;
pub(crate) mod get;
pub(crate) mod held;
pub(crate) mod inspect;
pub(crate) mod list;
mod listed;
pub(crate) mod open;
mod parts;
pub(crate) mod pause;
pub(crate) mod release;
pub(crate) mod renew;
mod replace;
pub(crate) mod report;
pub(crate) mod settle;
mod single;
pub(crate) mod stats;
mod store;
pub(crate) mod sweep;
pub(crate) mod unreadable;

use crate::script::Script;

/// Every script of every operation.
pub(crate) const SCRIPTS: &[&Script] = &[
    &cancel::RUN_NOW,
    &cancel::SCRIPT,
    &check::counts::SCRIPT,
    &check::entries::EFFECTS,
    &check::entries::ENTRIES,
    &check::entries::KEYS,
    &check::entries::LIST,
    &check::jobs::SCRIPT,
    &check::keys::SCRIPT,
    &claim::SCRIPT,
    &enqueue::SCRIPT,
    &expired::PROMOTE,
    &expired::SCRIPT,
    &get::SCRIPT,
    &get::WATCH,
    &held::PROGRESS,
    &held::RECORD,
    &held::RESERVE,
    &list::DEAD,
    &list::LIST,
    &open::SCRIPT,
    &pause::SCRIPT,
    &release::SCRIPT,
    &renew::SCRIPT,
    &replace::SCRIPT,
    &report::READ,
    &report::TELL,
    &settle::SCRIPT,
    &stats::SCRIPT,
    &store::SCRIPT,
    &sweep::PRUNABLE,
    &sweep::REMOVE,
    &sweep::STRIP,
    &sweep::STRIPPABLE,
];
