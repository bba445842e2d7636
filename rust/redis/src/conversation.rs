//! An operation as a conversation: what to send, and what to make of the replies, without a connection.

use std::sync::Arc;

use redis::Value;

use crate::call::Call;
use crate::keys::KeySpace;
use crate::operations::cancel::{Ask, Wish};
use crate::operations::check::Check;
use crate::operations::claim::{self, Claim};
use crate::operations::enqueue::Enqueue;
use crate::operations::expired::Expired;
use crate::operations::get::Get;
use crate::operations::held::Held;
use crate::operations::inspect::Inspect;
use crate::operations::list::List;
use crate::operations::open::Open;
use crate::operations::pause::Pause;
use crate::operations::release::ReleaseClaim;
use crate::operations::renew::Renew;
use crate::operations::report::{ReadReports, TellReport};
use crate::operations::settle::Settle;
use crate::operations::stats::Stats;
use crate::operations::sweep::{Goal, Sweep};
use crate::request::{Answer, Lease, Operation, Request};

/// What a conversation wants next.
#[derive(Debug)]
pub enum Step {
    /// Send these in this order; their replies, in the same order, resume the conversation.
    Send(Vec<Call>),
    /// It is over.
    Done(Answer),
    /// It is over, and there is no answer.
    Failed(Failure),
}

/// Why an operation got no answer, though the server replied.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The reply is not one that the script gives: something else answers at this address, or it is damaged.
    #[error("the server's reply to {operation} is not understood: {found}")]
    Reply {
        /// What was asked.
        operation: &'static str,
        /// What was found instead.
        found: String,
    },
    /// Something handed in is larger than a record can hold.
    #[error("{part} is too large to be stored: {size} bytes")]
    TooLarge {
        /// What it is.
        part: &'static str,
        /// Its size.
        size: usize,
    },
    /// The namespace was begun by a version, or with a number of shards, that this one does not work with.
    #[error("the namespace does not fit: {0}")]
    Namespace(String),
    /// Other writers came in between each time.
    #[error("{0} was overtaken by other writers too often")]
    Overtaken(&'static str),
}

/// Runs that have begun, before anybody has heard of them.
#[derive(Debug)]
pub struct Begun {
    /// Whose they are.
    pub worker: Arc<str>,
    /// Each run's job and number, and the milliseconds that it may take.
    pub runs: Vec<(Lease, u64)>,
}

/// An operation on its way: it asks, is resumed with the replies, and ends with an answer or a failure.
///
/// A server error in place of a reply is not for most conversations: whoever sends the calls ends them with that.
pub trait Conversation: Send {
    /// The first step.
    fn begin(&mut self) -> Step;

    /// The step after the replies to what the last step sent, one for each call.
    fn resume(&mut self, replies: Vec<Value>) -> Step;

    /// The runs that the replies so far say have begun, each told once: their leases pass while bodies are on their way,
    /// and while the event loop has no time for the answer.
    fn begun(&mut self) -> Option<Begun> {
        None
    }

    /// Whether an error in place of a reply tells it something, and ends nothing.
    fn takes_errors(&self) -> bool {
        false
    }
}

/// The conversation of a request.
#[must_use]
pub fn converse(space: &Arc<KeySpace>, request: Request) -> Box<dyn Conversation> {
    let space = Arc::clone(space);
    let now = request.now;
    match request.operation {
        Operation::Enqueue { jobs, max_queued } => {
            Box::new(Enqueue::new(space, jobs, max_queued, now))
        }
        Operation::Claim {
            worker,
            claim_id,
            queues,
            limit,
            lease_ms,
        } => {
            let wanted = claim::Wanted {
                worker,
                claim_id,
                queues,
                limit,
                lease_ms,
            };
            Box::new(Claim::new(space, wanted, now))
        }
        Operation::ReleaseClaim { claim_id } => Box::new(ReleaseClaim::new(space, &claim_id, now)),
        Operation::Renew { leases, lease_ms } => Box::new(Renew::new(space, leases, lease_ms, now)),
        Operation::Settle(settlements) => Box::new(Settle::new(space, settlements, now)),
        Operation::Expired { limit } => Box::new(Expired::new(space, limit, now)),
        Operation::Open => Box::new(Open::new(space)),
        Operation::Ping => Box::new(Open::ping(space)),
        Operation::Cancel(id) => Box::new(Ask::new(space, Wish::Cancel, id, now)),
        Operation::RunNow(id) => Box::new(Ask::new(space, Wish::RunNow, id, now)),
        Operation::Get(id) => Box::new(Get::new(space, id, now)),
        Operation::Watch { id, version } => Box::new(Get::watch(space, id, version, now)),
        Operation::List {
            filter,
            cursor,
            limit,
        } => Box::new(List::new(space, filter, cursor.as_deref(), limit, now)),
        Operation::Stats => Box::new(Stats::new(space, now)),
        Operation::Report(report) => Box::new(TellReport::new(space, report, now)),
        Operation::Reports { since } => Box::new(ReadReports::new(space, since, now)),
        Operation::Strip { limit } => Box::new(Sweep::new(space, Goal::Strip(limit), now)),
        Operation::Prune { limit } => Box::new(Sweep::new(space, Goal::Prune(limit), now)),
        Operation::Delete(id) => Box::new(Sweep::new(space, Goal::Delete(id), now)),
        Operation::Progress { id, fence, body } => {
            Box::new(Held::progress(space, (id, fence), &body, now))
        }
        Operation::Reserve {
            id,
            fence,
            key,
            nonce,
            takeover,
        } => Box::new(Held::reserve(
            space,
            (id, fence),
            (&key, &nonce),
            takeover,
            now,
        )),
        Operation::Record {
            id,
            fence,
            key,
            nonce,
            value,
        } => Box::new(Held::record(
            space,
            (id, fence),
            (&key, &nonce),
            value.as_ref(),
            now,
        )),
        Operation::Pause { queue, paused } => Box::new(Pause::new(space, queue, paused, now)),
        Operation::Inspect => Box::new(Inspect::new(space)),
        Operation::Check { cursor, limit } => {
            Box::new(Check::new(space, cursor.as_deref(), limit, now))
        }
    }
}
