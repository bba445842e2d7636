//! What the store is asked, and what it answers, as data that crosses threads: one pair of variants for each operation.

use std::sync::Arc;

use asyncendpoints_core::answer::{
    Cancellation, Claims, Enqueued, Expired, Page, QueueCounts, Renewal, Reservation, Settled,
    Settlement,
};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job, NewJob};
use asyncendpoints_core::state::State;

/// A run: its job, and its number.
pub type Lease = (JobId, u64);

/// One call of the store's protocol, without its `now`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the store's protocol")]
pub enum Operation {
    /// Check or write what is fixed for the namespace (format, number of shards), once for each connection.
    Open,
    Ping,
    Enqueue {
        jobs: Vec<NewJob>,
        max_queued: Option<u64>,
    },
    Claim {
        worker: Arc<str>,
        claim_id: Arc<str>,
        queues: Vec<Arc<str>>,
        limit: usize,
        lease_ms: u64,
    },
    ReleaseClaim {
        claim_id: Arc<str>,
    },
    Renew {
        leases: Vec<Lease>,
        lease_ms: u64,
    },
    Settle(Vec<Settlement>),
    /// Promote what is due in every queue, then look for past leases.
    Expired {
        limit: usize,
    },
    Cancel(JobId),
    RunNow(JobId),
    Get(JobId),
    /// Read the job; where it lives, has not ended and its version is not above this, ask to be told of its next change.
    Watch {
        id: JobId,
        version: u64,
    },
    List {
        filter: Filter,
        cursor: Option<String>,
        limit: usize,
    },
    Stats,
    Report(Report),
    /// What processes have told; of history, from a slot on.
    Reports {
        since: u64,
    },
    Strip {
        limit: usize,
    },
    Prune {
        limit: usize,
    },
    Delete(JobId),
    Progress {
        id: JobId,
        fence: u64,
        body: Body,
    },
    Reserve {
        id: JobId,
        fence: u64,
        key: Arc<str>,
        nonce: Arc<str>,
        takeover: bool,
    },
    Record {
        id: JobId,
        fence: u64,
        key: Arc<str>,
        nonce: Arc<str>,
        value: Option<Body>,
    },
    Pause {
        queue: Arc<str>,
        paused: bool,
    },
    /// What the server says of itself that concerns durability, and of this user's rights, as the sections and settings of `doctor`.
    Inspect,
    /// Compare records and indexes with each other; bounded pages behind a cursor.
    Check {
        cursor: Option<String>,
        limit: usize,
    },
}

/// Which jobs a listing shows; `None` leaves a member open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the store's protocol")]
pub struct Filter {
    pub state: Option<State>,
    pub queue: Option<Arc<str>>,
    pub handler: Option<Arc<str>>,
    pub owner: Option<Arc<str>>,
    pub request_id: Option<Arc<str>>,
    pub created_since: Option<u64>,
    pub created_before: Option<u64>,
}

/// What a process tells of itself. Both bodies are opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The process's name.
    pub process: Arc<str>,
    /// What it is and does; `None` where it ends.
    pub card: Option<Body>,
    /// The slot that `history` is about.
    pub slot: u64,
    /// What it has counted in that slot.
    pub history: Option<Body>,
    /// How long what processes have told is kept.
    pub kept: Kept,
}

/// How long what processes have told is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// How long the last sign of life, in milliseconds.
    pub sign_ms: u64,
    /// How long a slot of history is, in milliseconds.
    pub slot_ms: u64,
    /// How many slots, with the present one.
    pub slots: u64,
}

/// A process's last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// The process's name.
    pub process: String,
    /// What it is and does.
    pub card: Body,
    /// When it came.
    pub seen_at: u64,
}

/// What processes have told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reports {
    /// The server's time, in UTC milliseconds.
    pub now: u64,
    /// By name.
    pub signs: Vec<Sign>,
    /// Slot, process and what it counted, in this order.
    pub history: Vec<(u64, String, Body)>,
}

/// An operation at a time: `now` in UTC milliseconds rules the store where a virtual clock does (CLK-1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// What to do.
    pub operation: Operation,
    /// When; `None` is the server's clock.
    pub now: Option<u64>,
}

/// The answer to an operation, in the variant of the same kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names are those of the operations")]
pub enum Answer {
    /// `Open`, `Ping`, `Pause`.
    Done,
    Enqueued(Vec<Enqueued>),
    Claims(Claims),
    /// `ReleaseClaim`, `Strip`, `Prune`; of `Report` the server's time.
    Count(u64),
    Renewed(Vec<Renewal>),
    Settled(Vec<Settled>),
    Expired(Vec<Expired>),
    Cancellation(Box<Cancellation>),
    /// `Get`, `RunNow`, `Watch`.
    Job(Option<Box<Job>>),
    Page(Page),
    Stats {
        counts: Vec<QueueCounts>,
        oldest_ready: Vec<(Arc<str>, u64)>,
        paused: Vec<Arc<str>>,
    },
    Reports(Reports),
    /// `Delete`, `Progress`, `Record`.
    Flag(bool),
    Reservation(Reservation),
    /// `Inspect`: names and values, as the server gave them.
    Facts(Vec<(String, String)>),
    /// `Check`: what does not fit, one sentence each.
    Findings {
        findings: Vec<String>,
        cursor: Option<String>,
    },
}

/// What the server tells without being asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Something may be claimable in this queue, or is due earlier than a claim was told.
    Ready(Arc<str>),
    /// A watched job changed, or is gone.
    Changed(JobId),
    /// The cancellation of a run was asked for.
    Cancel {
        /// Who runs it.
        worker: Arc<str>,
        /// The job.
        id: JobId,
        /// The run.
        fence: u64,
    },
    /// The connection was away: anything may have happened that nobody was told of.
    Reconnected,
    /// Subscriptions cannot be had, for this reason; said once until they can.
    Unheard(Arc<str>),
}
