//! The memory store, asked as the Redis store is.

use asyncendpoints_core::answer::{ClaimRequest, JobFilter};
use asyncendpoints_core::memory::MemoryStore;
use asyncendpoints_redis::request::{Answer, Operation};

/// How many jobs a sweep promotes at most.
const PROMOTIONS: usize = 1_000;

/// What the memory store answers; `None` where the operation is about the server itself.
pub(crate) fn answer(store: &mut MemoryStore, operation: Operation, now: u64) -> Option<Answer> {
    let answer = match operation {
        Operation::Enqueue { jobs, max_queued } => {
            let most = max_queued.map(|most| usize::try_from(most).expect("a small number"));
            Answer::Enqueued(store.enqueue(jobs, most, now))
        }
        Operation::Claim {
            worker,
            claim_id,
            queues,
            limit,
            lease_ms,
        } => {
            let queues: Vec<&str> = queues.iter().map(AsRef::as_ref).collect();
            let request = ClaimRequest {
                worker,
                claim_id,
                queues: &queues,
                limit,
                lease_ms,
            };
            Answer::Claims(store.claim(&request, now))
        }
        Operation::ReleaseClaim { claim_id } => count(store.release_claim(&claim_id, now)),
        Operation::Renew { leases, lease_ms } => {
            Answer::Renewed(store.renew(&leases, lease_ms, now))
        }
        Operation::Settle(settlements) => Answer::Settled(store.settle(settlements, now)),
        Operation::Expired { limit } => {
            store.promote(PROMOTIONS, now);
            Answer::Expired(store.expired(limit, now))
        }
        Operation::Cancel(id) => Answer::Cancellation(Box::new(store.cancel(id, now))),
        Operation::RunNow(id) => Answer::Job(store.run_now(id, now).map(Box::new)),
        Operation::Get(id) => Answer::Job(store.get(id).map(Box::new)),
        Operation::List {
            filter,
            cursor,
            limit,
        } => {
            let filter = JobFilter {
                state: filter.state,
                queue: filter.queue.as_deref(),
                handler: filter.handler.as_deref(),
                owner: filter.owner.as_deref(),
                request_id: filter.request_id.as_deref(),
                created_since: filter.created_since,
                created_before: filter.created_before,
            };
            Answer::Page(store.list(&filter, cursor.as_deref(), limit))
        }
        Operation::Stats => Answer::Stats {
            counts: store.counts(),
            oldest_ready: store.oldest_ready(now),
            paused: store.paused(),
        },
        Operation::Strip { limit } => count(store.strip(limit, now)),
        Operation::Prune { limit } => count(store.prune(limit, now)),
        Operation::Delete(id) => Answer::Flag(store.delete(id)),
        Operation::Progress { id, fence, body } => {
            Answer::Flag(store.progress(id, fence, body, now))
        }
        Operation::Reserve {
            id,
            fence,
            key,
            nonce,
            takeover,
        } => Answer::Reservation(store.reserve(id, fence, &key, &nonce, takeover, now)),
        Operation::Record {
            id,
            fence,
            key,
            nonce,
            value,
        } => Answer::Flag(store.record(id, fence, &key, &nonce, value, now)),
        Operation::Pause { queue, paused } => {
            store.pause(&queue, paused);
            Answer::Done
        }
        Operation::Open
        | Operation::Ping
        | Operation::Watch { .. }
        | Operation::Report(_)
        | Operation::Reports { .. }
        | Operation::Inspect
        | Operation::Check { .. } => return None,
    };
    Some(answer)
}

fn count(number: usize) -> Answer {
    Answer::Count(number as u64)
}
