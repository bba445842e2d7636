//! A record as a reader sees it, and as a worker does.

use std::sync::Arc;

use super::MemoryStore;
use super::moment::Moment;
use super::record::{Life, Record, RunRecord};
use crate::answer::Claim;
use crate::job::{Job, Run};
use crate::state::State;

impl MemoryStore {
    pub(super) fn view(&self, record: &Record) -> Job {
        let life = record.life.as_deref();
        let moment = |of: fn(&Life) -> Moment| life.and_then(|life| of(life).get());
        let lineage = record.lineage.as_deref();
        Job {
            id: record.id,
            handler: Arc::clone(self.names.text(record.handler)),
            queue: Arc::clone(&self.queues.get(record.queue).name),
            state: record.state,
            version: record.version,
            priority: record.priority,
            attempt: record.attempt,
            max_attempts: record.max_attempts,
            timeout_ms: record.timeout_ms,
            retention: record.retention,
            created_at: record.created_at,
            scheduled_at: record.scheduled_at.get(),
            due_at: (record.state == State::Scheduled).then_some(record.ready_at),
            started_at: moment(|life| life.started_at),
            finished_at: moment(|life| life.finished_at),
            updated_at: record.updated_at,
            expires_at: record.expires_at(),
            cancel_requested_at: moment(|life| life.cancel_requested_at),
            fence: record.fence,
            lease_until: record.lease().map(|lease| lease.until),
            idempotency: record.idempotency.clone(),
            owner: record.owner.map(|owner| Arc::clone(self.names.text(owner))),
            redrive_of: lineage.and_then(|lineage| lineage.redrive_of),
            origin: lineage.and_then(|lineage| lineage.origin),
            progress: life.and_then(|life| life.progress.clone()),
            result: life.and_then(|life| life.result.clone()),
            error: life
                .filter(|_| record.state == State::Failed)
                .and_then(Life::error),
            runs: life.map_or_else(Vec::new, |life| {
                life.runs().map(|run| self.run(run)).collect()
            }),
            request: record.request.clone(),
            payload: record.payload.clone(),
            stripped: life.is_some_and(|life| life.stripped),
        }
    }

    fn run(&self, run: &RunRecord) -> Run {
        Run {
            number: run.number,
            started_at: run.started_at,
            finished_at: run.finished_at.get(),
            outcome: run.outcome,
            error: run.error.clone(),
            worker: Arc::clone(self.names.text(run.worker)),
        }
    }

    /// What the worker that has just claimed a job is told.
    pub(super) fn claimed(&self, record: &Record, now: u64) -> Claim {
        Claim {
            id: record.id,
            fence: record.fence,
            handler: Arc::clone(self.names.text(record.handler)),
            queue: Arc::clone(&self.queues.get(record.queue).name),
            priority: record.priority,
            attempt: record.attempt,
            max_attempts: record.max_attempts,
            timeout_ms: record.timeout_ms,
            created_at: record.created_at,
            ready_at: record.ready_at,
            started_at: now,
            request_id: record
                .idempotency
                .as_ref()
                .map(|idempotency| Arc::clone(&idempotency.key)),
            owner: record.owner.map(|owner| Arc::clone(self.names.text(owner))),
            request: record.request.clone(),
            payload: record.payload.clone(),
        }
    }
}
