//! Requests of one kind that wait at the same time become one, whose answer is shared out again.

use super::mailbox::{Outcome, Sorting};
use super::reply::Reply;
use crate::request::{Answer, Operation, Request};

/// How many jobs or settlements one call takes at most.
const MOST: usize = 200;
/// How many bytes of bodies one call takes at most, unless a single request has more.
const MOST_BYTES: usize = 1 << 20;

/// A request that nobody has begun to serve.
pub(crate) struct Item {
    pub(crate) reply: Reply,
    pub(crate) request: Request,
}

/// One request, made of those of several callers.
pub(crate) struct Joined {
    pub(crate) request: Request,
    pub(crate) shares: Shares,
    bytes: usize,
}

/// Who gets how much of an answer, in order.
pub(crate) struct Shares(Vec<(Reply, usize)>);

/// Join what can be joined, and leave everything in its order: a request never overtakes one of another kind.
pub(crate) fn join(items: impl IntoIterator<Item = Item>) -> Vec<Joined> {
    let mut joined: Vec<Joined> = Vec::new();
    for Item { reply, request } in items {
        let (count, bytes) = size(&request.operation);
        let refused = match joined.last_mut() {
            Some(last) if last.has_room(count, bytes) => last.take(request),
            _ => Some(request),
        };
        match (refused, joined.last_mut()) {
            (None, Some(last)) => {
                last.bytes += bytes;
                last.shares.0.push((reply, count));
            }
            (None, None) => {}
            (Some(request), _) => joined.push(Joined {
                request,
                shares: Shares(vec![(reply, count)]),
                bytes,
            }),
        }
    }
    joined
}

impl Joined {
    fn has_room(&self, count: usize, bytes: usize) -> bool {
        let taken: usize = self.shares.0.iter().map(|(_, count)| count).sum();
        taken + count <= MOST && self.bytes + bytes <= MOST_BYTES
    }

    /// Take another request in, or give it back.
    fn take(&mut self, request: Request) -> Option<Request> {
        if self.request.now != request.now {
            return Some(request);
        }
        match (&mut self.request.operation, request.operation) {
            (
                Operation::Enqueue { jobs, max_queued },
                Operation::Enqueue {
                    jobs: more,
                    max_queued: bound,
                },
            ) if *max_queued == bound => {
                jobs.extend(more);
                None
            }
            (Operation::Settle(ends), Operation::Settle(more)) => {
                ends.extend(more);
                None
            }
            (_, operation) => Some(Request {
                operation,
                now: request.now,
            }),
        }
    }
}

/// How many items a request has, and how large they are.
fn size(operation: &Operation) -> (usize, usize) {
    let length =
        |body: &Option<asyncendpoints_core::job::Body>| body.as_ref().map_or(0, |body| body.len());
    match operation {
        Operation::Enqueue { jobs, .. } => {
            let bytes = jobs
                .iter()
                .map(|job| length(&job.request) + length(&job.payload));
            (jobs.len(), bytes.sum())
        }
        Operation::Settle(ends) => {
            let bytes = ends.iter().map(|end| {
                let result = end.result.as_ref().map_or(0, |result| length(&result.body));
                result + length(&end.error)
            });
            (ends.len(), bytes.sum())
        }
        _ => (1, 0),
    }
}

impl Shares {
    /// Give everybody his part of the answer, or the same failure.
    pub(crate) fn answer(mut self, outcome: Outcome, sorting: &mut Sorting) {
        if self.0.len() == 1
            && let Some((only, _)) = self.0.pop()
        {
            return only.answer(outcome, sorting);
        }
        match outcome {
            Ok(Answer::Enqueued(answers)) => self.deal(answers, Answer::Enqueued, sorting),
            Ok(Answer::Settled(answers)) => self.deal(answers, Answer::Settled, sorting),
            outcome => {
                for (reply, _) in self.0 {
                    reply.answer(outcome.clone(), sorting);
                }
            }
        }
    }

    fn deal<T>(self, answers: Vec<T>, name: fn(Vec<T>) -> Answer, sorting: &mut Sorting) {
        let mut answers = answers.into_iter();
        for (reply, count) in self.0 {
            let part = answers.by_ref().take(count).collect();
            reply.answer(Ok(name(part)), sorting);
        }
    }

    /// Whether nobody waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Leave those who wait to another.
    pub(crate) fn take(&mut self) -> Self {
        Self(std::mem::take(&mut self.0))
    }
}
