//! Why a call was not answered.

use std::sync::Arc;

use thiserror::Error;

use crate::conversation::Failure;

/// What its caller is told where a call has no answer. Whether it was done is not known, unless it says so.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CallFailed {
    /// There was no connection for as long as the caller was patient.
    #[error("Redis at {address} cannot be reached: {reason}")]
    Unreachable {
        /// Where it should be.
        address: String,
        /// What the last attempt said.
        reason: Arc<str>,
    },
    /// The connection broke after the call was sent, and it is not one that may be repeated.
    #[error("the connection to Redis was lost before it answered: {0}")]
    Lost(Arc<str>),
    /// It was sent, and nothing came back in time.
    #[error("Redis did not answer in time")]
    TimedOut,
    /// The server has no room; nothing was done.
    #[error("Redis is out of memory (maxmemory) and stores nothing more until there is room")]
    OutOfMemory,
    /// The server refuses for another reason; nothing was done.
    #[error("Redis refuses: {0}")]
    Refused(Arc<str>),
    /// The job is stored, but fewer replicas have it than were asked for.
    #[error(
        "the job is stored, but {confirmed} of the {wanted} replicas that were asked for have confirmed it in time"
    )]
    NotReplicated {
        /// How many have it.
        confirmed: u64,
        /// How many were asked for.
        wanted: u32,
    },
    /// The store was closed.
    #[error("the Redis store is closed")]
    Closed,
    /// The operation could not make sense of what it read.
    #[error(transparent)]
    Operation(#[from] Failure),
}
