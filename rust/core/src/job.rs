//! What a job is: the record that every store keeps, and the parts of it that travel alone.
//!
//! Times are UTC milliseconds since the epoch, named `_at`; durations are milliseconds, named `_ms`. Bodies are opaque
//! bytes: this crate never looks inside them.

use std::sync::Arc;

use crate::ids::JobId;
use crate::state::{Outcome, State};

/// Opaque bytes, shared and never copied inside the store.
pub type Body = Arc<[u8]>;

/// A job as it is handed in to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewJob {
    /// Made by the client, so that a repeated write is recognised (SUB-3).
    pub id: JobId,
    /// The registered name of the handler (and endpoint) that runs it.
    pub handler: Arc<str>,
    /// The queue it waits in.
    pub queue: Arc<str>,
    /// −100 to 100, higher first.
    pub priority: i8,
    /// How long it waits before it may run; 0 is at once.
    pub delay_ms: u64,
    /// How many charged attempts it may have, 1 to 100.
    pub max_attempts: u8,
    /// How long one attempt may take.
    pub timeout_ms: u64,
    /// How long payload and result are kept after the end.
    pub retention: Retention,
    /// Scope, key and fingerprint, where the submission carried a key.
    pub idempotency: Option<Box<Idempotency>>,
    /// Whose job it is, where the application names owners.
    pub owner: Option<Arc<str>>,
    /// The stored HTTP request without its body; absent where a script submitted the job.
    pub request: Option<Body>,
    /// The request's body, or the payload that a script submitted.
    pub payload: Option<Body>,
    /// The failed job that this one repeats.
    pub redrive_of: Option<JobId>,
    /// The first job of a chain of redrives: the scope of `once`. `None` is the job itself.
    pub origin: Option<JobId>,
}

/// How long a job's payload and result stay after its end, by the way it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// After `completed`.
    pub completed_ms: u64,
    /// After `failed` or `canceled`.
    pub failed_ms: u64,
}

/// What makes two submissions the same one (IDM-1, IDM-2).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idempotency {
    /// The endpoint's name and the owner.
    pub scope: Box<str>,
    /// The client's key, as sent, unquoted. It is the job's `request_id`.
    pub key: Arc<str>,
    /// A digest of what was asked for.
    pub fingerprint: [u8; 32],
}

/// One run of a job: every claim makes one, numbered by its fence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// The fence under which it ran.
    pub number: u64,
    /// When it was claimed.
    pub started_at: u64,
    /// When it was settled; `None` while it runs.
    pub finished_at: Option<u64>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
    /// What went wrong, as a problem object.
    pub error: Option<Body>,
    /// Who ran it.
    pub worker: Arc<str>,
}

/// What a handler returned: the body, and what HTTP needs to give it out (status, headers, media type).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultBody {
    /// The encoded result; `None` where the handler returned nothing.
    pub body: Option<Body>,
    /// How to present it; `None` is plain JSON with status 200 (204 without a body).
    pub meta: Option<Body>,
}

/// A job as a reader sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    missing_docs,
    reason = "the names are those of NewJob and of the HTTP contract"
)]
pub struct Job {
    pub id: JobId,
    pub handler: Arc<str>,
    pub queue: Arc<str>,
    pub state: State,
    /// Grows with every visible change; renewals do not change it (SET-5).
    pub version: u64,
    pub priority: i8,
    /// Charged runs so far (SET-2).
    pub attempt: u8,
    pub max_attempts: u8,
    pub timeout_ms: u64,
    pub retention: Retention,
    pub created_at: u64,
    /// The time that the submission asked for, where it asked for a delay.
    pub scheduled_at: Option<u64>,
    /// When the next attempt is due, while the job is scheduled.
    pub due_at: Option<u64>,
    /// The start of the first run.
    pub started_at: Option<u64>,
    pub finished_at: Option<u64>,
    pub updated_at: u64,
    /// When payload and result go, once the job has ended.
    pub expires_at: Option<u64>,
    pub cancel_requested_at: Option<u64>,
    /// The number of the newest run; 0 before the first.
    pub fence: u64,
    /// The end of the live lease.
    pub lease_until: Option<u64>,
    pub idempotency: Option<Box<Idempotency>>,
    pub owner: Option<Arc<str>>,
    pub redrive_of: Option<JobId>,
    pub origin: Option<JobId>,
    pub progress: Option<Body>,
    pub result: Option<ResultBody>,
    pub error: Option<Body>,
    /// Oldest first; of released runs only the last 20 are kept.
    pub runs: Vec<Run>,
    pub request: Option<Body>,
    pub payload: Option<Body>,
    /// Payload and result are gone, the record stays for its key (IDM-4).
    pub stripped: bool,
}
