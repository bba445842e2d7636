//! Requests that wait at the same time, as few: several that can be one script call are asked as one.

use crate::request::{Answer, Operation, Request};

use super::parts::{BYTES_A_CALL, JOBS_A_CALL};

/// One request made of several, each of which somebody waits for.
#[derive(Debug)]
pub struct Merged<T> {
    /// What to ask.
    pub request: Request,
    /// Who waits, and for how many of the answers.
    waiting: Vec<(T, usize)>,
    bytes: usize,
}

/// Merge requests, in their order: enqueues with one `max_queued` and `now`, settlements with one `now`.
///
/// A request keeps its place before those behind it, with which it is not merged, or comes before it.
pub fn merge<T>(requests: impl IntoIterator<Item = (T, Request)>) -> Vec<Merged<T>> {
    let mut merged: Vec<Merged<T>> = Vec::new();
    for (who, request) in requests {
        let (items, bytes) = size(&request.operation);
        let host = merged
            .iter_mut()
            .rev()
            .find(|host| host.takes(&request, items, bytes));
        match host {
            Some(host) => {
                host.request.operation.append(request.operation);
                host.waiting.push((who, items));
                host.bytes += bytes;
            }
            None => merged.push(Merged {
                request,
                waiting: vec![(who, items)],
                bytes,
            }),
        }
    }
    merged
}

impl<T> Merged<T> {
    /// Everybody who waits for it.
    pub fn waiting(self) -> impl Iterator<Item = T> {
        self.waiting.into_iter().map(|(who, _)| who)
    }

    /// Whether more than one wait for it.
    pub(crate) const fn is_shared(&self) -> bool {
        self.waiting.len() > 1
    }

    /// The requests that it was made of, because one of them fails it, and is no matter of the others.
    pub(crate) fn apart(self) -> Vec<Self> {
        let now = self.request.now;
        let mut operation = self.request.operation;
        let parts = self.waiting.into_iter().map(|(who, items)| {
            let operation = operation.cut(items);
            let (_, bytes) = size(&operation);
            Self {
                request: Request { operation, now },
                waiting: vec![(who, items)],
                bytes,
            }
        });
        parts.collect()
    }

    /// Give everybody the part of the answer that is theirs.
    pub fn split(self, answer: Answer) -> Vec<(T, Answer)> {
        if self.waiting.len() == 1 {
            return self
                .waiting
                .into_iter()
                .map(|(who, _)| who)
                .zip([answer])
                .collect();
        }
        match answer {
            Answer::Enqueued(answers) => share(self.waiting, answers, Answer::Enqueued),
            Answer::Settled(answers) => share(self.waiting, answers, Answer::Settled),
            // No other operation is merged, so nobody waits for a part of its answer.
            _ => Vec::new(),
        }
    }

    fn takes(&self, request: &Request, items: usize, bytes: usize) -> bool {
        let has_room = || {
            let waiting: usize = self.waiting.iter().map(|(_, items)| items).sum();
            waiting + items <= JOBS_A_CALL && self.bytes + bytes <= BYTES_A_CALL
        };
        let fits = match (&self.request.operation, &request.operation) {
            (
                Operation::Enqueue { max_queued, .. },
                Operation::Enqueue {
                    max_queued: other, ..
                },
            ) => max_queued == other,
            (Operation::Settle(_), Operation::Settle(_)) => true,
            _ => false,
        };
        fits && self.request.now == request.now && has_room()
    }
}

impl Operation {
    /// Take over the items of another request of the same kind.
    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Enqueue { jobs, .. }, Self::Enqueue { jobs: more, .. }) => jobs.extend(more),
            (Self::Settle(settlements), Self::Settle(more)) => settlements.extend(more),
            _ => {}
        }
    }

    /// Cut off the first items, as a request of the same kind.
    fn cut(&mut self, items: usize) -> Self {
        fn first<T>(all: &mut Vec<T>, items: usize) -> Vec<T> {
            let rest = all.split_off(items.min(all.len()));
            std::mem::replace(all, rest)
        }
        match self {
            Self::Enqueue { jobs, max_queued } => Self::Enqueue {
                jobs: first(jobs, items),
                max_queued: *max_queued,
            },
            Self::Settle(settlements) => Self::Settle(first(settlements, items)),
            // No other operation is merged.
            other => other.clone(),
        }
    }
}

fn share<T, A>(
    waiting: Vec<(T, usize)>,
    answers: Vec<A>,
    of: impl Fn(Vec<A>) -> Answer,
) -> Vec<(T, Answer)> {
    let mut answers = answers.into_iter();
    waiting
        .into_iter()
        .map(|(who, items)| (who, of(answers.by_ref().take(items).collect())))
        .collect()
}

/// How many items a request has, and about how many bytes; other operations are never merged.
fn size(operation: &Operation) -> (usize, usize) {
    let length = |body: Option<&[u8]>| body.map_or(0, <[u8]>::len);
    match operation {
        Operation::Enqueue { jobs, .. } => {
            let bytes = jobs
                .iter()
                .map(|job| length(job.payload.as_deref()) + length(job.request.as_deref()));
            (jobs.len(), bytes.sum())
        }
        Operation::Settle(settlements) => {
            let bytes = settlements.iter().map(|settlement| {
                let result = settlement.result.as_ref();
                length(result.and_then(|result| result.body.as_deref()))
                    + length(settlement.error.as_deref())
            });
            (settlements.len(), bytes.sum())
        }
        _ => (0, 0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use asyncendpoints_core::ids::JobId;
    use asyncendpoints_core::job::{NewJob, Retention};

    use super::*;
    use crate::conversation::{Failure, Step, converse};
    use crate::keys::KeySpace;

    fn enqueue(number: u8, queue: &str) -> Request {
        let job = NewJob {
            id: JobId::new(1, [number; 10]),
            handler: "handler".into(),
            queue: queue.into(),
            priority: 0,
            delay_ms: 0,
            max_attempts: 1,
            timeout_ms: 1_000,
            retention: Retention {
                completed_ms: 0,
                failed_ms: 0,
            },
            idempotency: None,
            owner: None,
            request: None,
            payload: None,
            redrive_of: None,
            origin: None,
        };
        let jobs = vec![job; usize::from(number)];
        Request {
            operation: Operation::Enqueue {
                jobs,
                max_queued: None,
            },
            now: None,
        }
    }

    #[test]
    fn one_that_cannot_be_asked_for_is_told_apart_from_those_merged_with_it() {
        let requests = [
            enqueue(1, "default"),
            enqueue(2, &"q".repeat(256)),
            enqueue(3, "default"),
        ];
        let merged = merge(requests.clone().into_iter().enumerate());
        let [one] = merged.try_into().expect("one request");
        assert!(one.is_shared());
        let space = Arc::new(KeySpace::new("test", 0, 0));
        let step = converse(&space, one.request.clone()).begin();
        assert!(matches!(step, Step::Failed(Failure::TooLarge { .. })));
        for (number, part) in one.apart().into_iter().enumerate() {
            assert!(!part.is_shared());
            assert_eq!(part.request, requests[number]);
            let step = converse(&space, part.request.clone()).begin();
            assert_eq!(matches!(step, Step::Failed(_)), number == 1);
            assert_eq!(part.waiting().collect::<Vec<_>>(), [number]);
        }
    }
}
