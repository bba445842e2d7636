//! What the store is asked, and what it answers: the words of the operations.

use std::sync::Arc;

use crate::decide::Verdict;
use crate::ids::JobId;
use crate::job::{Body, Job, ResultBody};
use crate::state::State;

/// The answer to one enqueue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enqueued {
    /// The job is stored (or was, by the same write repeated: SUB-3).
    Created(Job),
    /// The key had been seen with the same fingerprint: this is the earlier job (IDM-1).
    Replayed(Job),
    /// The key had been seen with another fingerprint (IDM-2); nothing is stored.
    KeyReused,
    /// As many jobs wait in the queue as may; nothing is stored.
    QueueFull,
}

/// Who claims what.
#[derive(Clone, Debug)]
pub struct ClaimRequest<'a> {
    /// The worker that will run the jobs.
    pub worker: Arc<str>,
    /// What `release_claim` names, should the answer reach nobody.
    pub claim_id: Arc<str>,
    /// The queues to take from.
    pub queues: &'a [&'a str],
    /// The worker's free slots (CLM-5); 0 promotes what is due and takes nothing.
    pub limit: usize,
    /// How long the leases last without renewal.
    pub lease_ms: u64,
}

/// One claimed job: what a worker needs to run it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Job")]
pub struct Claim {
    pub id: JobId,
    /// The number of this run: every write of the worker carries it.
    pub fence: u64,
    pub handler: Arc<str>,
    pub queue: Arc<str>,
    pub priority: i8,
    /// Charged runs, this one included.
    pub attempt: u8,
    pub max_attempts: u8,
    pub timeout_ms: u64,
    pub created_at: u64,
    /// Since when it could have been claimed.
    pub ready_at: u64,
    /// When this run began.
    pub started_at: u64,
    /// The client's idempotency key.
    pub request_id: Option<Arc<str>>,
    pub owner: Option<Arc<str>>,
    pub request: Option<Body>,
    pub payload: Option<Body>,
}

/// The answer to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The runs begun, in the order of rank.
    pub claims: Vec<Claim>,
    /// In how many milliseconds the next scheduled job of these queues is due, if any; 0 where more are due already.
    pub next_due_ms: Option<u64>,
}

/// The answer to one renewal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease is prolonged.
    Renewed,
    /// The lease is prolonged, and the job's cancellation was asked for.
    CancelRequested,
    /// The run does not hold the job any more.
    Stale,
}

impl Renewal {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Renewed => "renewed",
            Self::CancelRequested => "cancel_requested",
            Self::Stale => "stale",
        }
    }
}

/// The one fenced write that ends a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settlement {
    /// The job.
    pub id: JobId,
    /// The run that ends.
    pub fence: u64,
    /// The job's queue where the writer knows it: a store that finds jobs by their queue saves a look.
    pub queue: Option<Arc<str>>,
    /// What becomes of the job if its cancellation was not asked for.
    pub verdict: Verdict,
    /// What becomes of it if it was.
    pub verdict_if_canceled: Verdict,
    /// Recognises the same write repeated (SUB-3); 0 is none.
    pub nonce: u64,
    /// Apply only while the lease is past: a rescue, which a renewal in between defeats.
    pub only_expired: bool,
    /// What the handler returned, kept where the job completes.
    pub result: Option<ResultBody>,
    /// What went wrong, kept with the run.
    pub error: Option<Body>,
}

/// The answer to one settlement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settled {
    /// The state that the job went to.
    To(State),
    /// The run did not hold the job, or its lease was not past; nothing is changed.
    Stale,
}

impl Settled {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::To(state) => state.as_str(),
            Self::Stale => "stale",
        }
    }
}

/// A run whose lease has passed: the facts for its rescue.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Job")]
pub struct Expired {
    pub id: JobId,
    pub fence: u64,
    pub attempt: u8,
    pub max_attempts: u8,
    pub cancel_requested: bool,
    pub handler: Arc<str>,
    pub queue: Arc<str>,
}

/// The answer to a cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancellation {
    /// It is canceled, finally (CAN-1).
    Canceled(Job),
    /// It is running, and its worker is told.
    Requested(Job),
    /// It had been canceled before.
    Already(Job),
    /// It has ended otherwise.
    Refused(Job),
    /// There is no such job.
    Missing,
}

/// The answer to a reserve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reservation {
    /// It is yours to run.
    Reserved,
    /// It ran before, and gave this.
    Recorded(Body),
    /// It was begun by somebody else, and never recorded.
    Uncertain,
    /// The run does not hold the job any more.
    Stale,
}

/// Which jobs a listing shows; `None` leaves a member open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of Job")]
pub struct JobFilter<'a> {
    pub state: Option<State>,
    pub queue: Option<&'a str>,
    pub handler: Option<&'a str>,
    pub owner: Option<&'a str>,
    pub request_id: Option<&'a str>,
    /// Created at this time or later.
    pub created_since: Option<u64>,
    /// Created before this time: the listing begins there, without passing what is newer.
    pub created_before: Option<u64>,
}

/// Some jobs of a listing, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The jobs that match.
    pub jobs: Vec<Job>,
    /// Where to go on; `None` at the end.
    pub cursor: Option<String>,
}

/// How many jobs of a queue are in each state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueCounts {
    /// The queue.
    pub queue: Arc<str>,
    /// The numbers, in the order of [`State::ALL`].
    pub counts: [usize; State::COUNT],
}

/// A running job whose cancellation was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CancelNotice {
    /// Who runs it.
    pub worker: Arc<str>,
    /// The job.
    pub id: JobId,
    /// The run.
    pub fence: u64,
}

/// Whom to wake after an operation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wakes {
    /// Queues with something new to claim, or due earlier than was told, since a claim from them came back short.
    pub ready_queues: Vec<Arc<str>>,
    /// Watched jobs that are new, whose version changed, or that are gone.
    pub changed: Vec<JobId>,
    /// Running jobs whose cancellation was asked for.
    pub cancels: Vec<CancelNotice>,
}
