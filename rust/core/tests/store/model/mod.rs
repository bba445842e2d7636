//! What the store promises, written as naively as can be: a list of jobs, and a walk over it for every question.

mod asks;
mod runs;

use std::collections::{BTreeMap, BTreeSet};

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job, NewJob, Run};
use asyncendpoints_core::memory::{Claim, ClaimRequest, Claims, Enqueued};
use asyncendpoints_core::state::{self, State};

#[derive(Clone, Debug)]
struct Kept {
    job: Job,
    ready_at: u64,
    claim_id: String,
    settled: Option<(u64, u64, State)>,
}

#[derive(Debug, Default)]
pub(crate) struct Model {
    kept: Vec<Kept>,
    effects: BTreeMap<(JobId, String), (String, Option<Body>)>,
    paused: BTreeSet<String>,
}

fn touch(job: &mut Job, now: u64) {
    job.version += 1;
    job.updated_at = now;
}

impl Model {
    pub(crate) fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.kept.iter().map(|kept| &kept.job)
    }

    pub(crate) fn is_paused(&self, queue: &str) -> bool {
        self.paused.contains(queue)
    }

    fn find(&mut self, id: JobId) -> Option<&mut Kept> {
        self.kept.iter_mut().find(|kept| kept.job.id == id)
    }

    fn held(&mut self, id: JobId, fence: u64) -> Option<&mut Kept> {
        self.find(id)
            .filter(|kept| kept.job.state == State::InProgress && kept.job.fence == fence)
    }

    pub(crate) fn enqueue(&mut self, new: NewJob, max_queued: Option<usize>, now: u64) -> Enqueued {
        if let Some(kept) = self.find(new.id) {
            return Enqueued::Created(kept.job.clone());
        }
        let same_key = |job: &&Job| match (&job.idempotency, &new.idempotency) {
            (Some(kept), Some(wanted)) => kept.scope == wanted.scope && kept.key == wanted.key,
            _ => false,
        };
        if let Some(earlier) = self.jobs().find(same_key) {
            let is_same = earlier.idempotency == new.idempotency;
            return if is_same {
                Enqueued::Replayed(earlier.clone())
            } else {
                Enqueued::KeyReused
            };
        }
        let waits = |job: &&Job| {
            job.queue == new.queue && matches!(job.state, State::Queued | State::Scheduled)
        };
        if max_queued.is_some_and(|most| self.jobs().filter(waits).count() >= most) {
            return Enqueued::QueueFull;
        }
        let due = now + new.delay_ms;
        let job = Job {
            id: new.id,
            handler: new.handler,
            queue: new.queue,
            state: state::first(new.delay_ms),
            version: 1,
            priority: new.priority,
            attempt: 0,
            max_attempts: new.max_attempts,
            timeout_ms: new.timeout_ms,
            retention: new.retention,
            created_at: now,
            scheduled_at: (new.delay_ms > 0).then_some(due),
            due_at: (new.delay_ms > 0).then_some(due),
            started_at: None,
            finished_at: None,
            updated_at: now,
            expires_at: None,
            cancel_requested_at: None,
            fence: 0,
            lease_until: None,
            idempotency: new.idempotency,
            owner: new.owner,
            redrive_of: new.redrive_of,
            origin: new.origin,
            progress: None,
            result: None,
            error: None,
            runs: Vec::new(),
            request: new.request,
            payload: new.payload,
            stripped: false,
        };
        self.kept.push(Kept {
            job: job.clone(),
            ready_at: due,
            claim_id: String::new(),
            settled: None,
        });
        Enqueued::Created(job)
    }

    pub(crate) fn promote(&mut self, queues: Option<&[&str]>, now: u64) -> usize {
        let mut promoted = 0;
        for kept in &mut self.kept {
            let is_meant = queues.is_none_or(|queues| queues.contains(&&*kept.job.queue));
            if is_meant && kept.job.due_at.is_some_and(|due| due <= now) {
                kept.job.state = State::Queued;
                kept.job.due_at = None;
                touch(&mut kept.job, now);
                promoted += 1;
            }
        }
        promoted
    }

    pub(crate) fn claim(&mut self, request: &ClaimRequest<'_>, now: u64) -> Claims {
        self.promote(Some(request.queues), now);
        let paused = self.paused.clone();
        let mut ready: Vec<&mut Kept> = self
            .kept
            .iter_mut()
            .filter(|kept| kept.job.state == State::Queued)
            .filter(|kept| {
                request.queues.contains(&&*kept.job.queue) && !paused.contains(&*kept.job.queue)
            })
            .collect();
        // CLM-2, in the words of the rule.
        let rank =
            |kept: &Kept| ((100 - i128::from(kept.job.priority)) << 42) + i128::from(kept.ready_at);
        ready.sort_by_key(|kept| (rank(kept), kept.job.id));
        let mut claims = Vec::new();
        for kept in ready.into_iter().take(request.limit) {
            let job = &mut kept.job;
            job.state = State::InProgress;
            job.fence += 1;
            job.attempt += 1;
            job.started_at = job.started_at.or(Some(now));
            job.lease_until = Some(now + request.lease_ms);
            job.runs.push(Run {
                number: job.fence,
                started_at: now,
                finished_at: None,
                outcome: None,
                error: None,
                worker: request.worker.clone(),
            });
            touch(job, now);
            kept.claim_id = request.claim_id.to_string();
            claims.push(Claim {
                id: job.id,
                fence: job.fence,
                handler: job.handler.clone(),
                queue: job.queue.clone(),
                priority: job.priority,
                attempt: job.attempt,
                max_attempts: job.max_attempts,
                timeout_ms: job.timeout_ms,
                created_at: job.created_at,
                ready_at: kept.ready_at,
                started_at: now,
                request_id: job
                    .idempotency
                    .as_ref()
                    .map(|idempotency| idempotency.key.clone()),
                owner: job.owner.clone(),
                request: job.request.clone(),
                payload: job.payload.clone(),
            });
        }
        let due = self
            .jobs()
            .filter(|job| request.queues.contains(&&*job.queue))
            .filter_map(|job| job.due_at)
            .min();
        Claims {
            claims,
            next_due_ms: due.map(|due| due - now),
        }
    }
}
