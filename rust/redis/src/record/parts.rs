//! What a record holds, unpacked.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Idempotency, Retention, Run};
use asyncendpoints_core::state::State;

use super::MARK;

/// Why bytes are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// Another layout.
    #[error("its format is {0}, which this version does not know")]
    Format(u8),
    /// It ends too early.
    #[error("it is cut off")]
    Short,
    /// A code that stands for nothing.
    #[error("it has the unknown code {0}")]
    Code(u8),
    /// A number that does not fit.
    #[error("one of its numbers is not one")]
    Number,
    /// A text that is none.
    #[error("one of its texts is not UTF-8")]
    Text,
    /// Parts that do not fit each other.
    #[error("its parts do not fit each other")]
    Unfit,
    /// A body that lies in a key of its own is not there.
    #[error("a body of it is not there")]
    BodyGone,
}

/// Where a body is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyAt {
    /// There is none.
    None,
    /// Here.
    Here(Body),
    /// In a key of its own.
    Out,
}

/// A record, unpacked. Members that [`Job`](asyncendpoints_core::job::Job) has mean the same here.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Job")]
pub struct Record {
    pub state: State,
    /// Somebody waits to be told of its next change.
    pub watched: bool,
    pub stripped: bool,
    pub attempt: u8,
    pub version: u32,
    pub updated_at: u64,
    /// Since when it may be claimed; while it is scheduled, from when on.
    pub ready_at: u64,
    pub max_attempts: u8,
    pub priority: i8,
    pub created_at: u64,
    /// The number of its chunk of the listing.
    pub chunk: u32,
    pub retention: Retention,
    pub names: Names,
    pub request: BodyAt,
    pub payload: BodyAt,
    pub life: Option<Life>,
}

/// What never changes, and only readers look at.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of NewJob")]
pub struct Names {
    pub queue: Arc<str>,
    pub handler: Arc<str>,
    pub timeout_ms: u64,
    pub delay_ms: u64,
    pub owner: Option<Arc<str>>,
    pub idempotency: Option<Box<Idempotency>>,
    pub redrive_of: Option<JobId>,
    pub origin: Option<JobId>,
}

/// What a job gathers once it runs, or is canceled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Job")]
pub struct Life {
    pub fence: u32,
    pub started_at: Option<u64>,
    pub finished_at: Option<u64>,
    pub cancel_requested_at: Option<u64>,
    pub settled: Option<Settlement>,
    pub progress: Option<Body>,
    pub result: Option<ResultAt>,
    /// Oldest first; only the newest may be going on.
    pub runs: Vec<Run>,
    /// The claim of the run that goes on.
    pub mark: Option<[u8; MARK]>,
}

/// The newest settlement: its nonce, and the state that it led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// Recognises it repeated.
    pub nonce: u32,
    /// Where the job went.
    pub to: State,
}

/// A result, whose body may be elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultAt {
    /// What the handler returned.
    pub body: BodyAt,
    /// How to present it.
    pub meta: Option<Body>,
}
