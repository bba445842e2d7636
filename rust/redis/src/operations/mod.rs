//! The operations of the store, each as a conversation, and the scripts that they run.

pub mod batch;
pub(crate) mod enqueue;
mod parts;

use crate::script::Script;

/// Every script of every operation.
pub(crate) const SCRIPTS: &[&Script] = &[&enqueue::SCRIPT];
