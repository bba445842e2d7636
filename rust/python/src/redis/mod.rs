//! The native transport of the Redis store: calls go in by the event loop's thread, answers come out in batches.

mod answer;
pub(crate) mod keeper;
pub(crate) mod mailbox;
mod questions;
pub(crate) mod transport;
