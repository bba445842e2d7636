//! Enqueue.

use std::hint::black_box;
use std::sync::Arc;

use super::MemoryStore;
use super::moment::Moment;
use super::record::{Lineage, Record};
use super::slab::Slot;
use crate::answer::Enqueued;
use crate::job::{Idempotency, NewJob};
use crate::state;

impl MemoryStore {
    /// Store jobs, in order, each with its key in one step (IDM-3).
    ///
    /// `max_queued` bounds how many jobs of a queue may wait, queued or scheduled; a replay is never refused by it, nor
    /// is a retry.
    pub fn enqueue(
        &mut self,
        jobs: Vec<NewJob>,
        max_queued: Option<usize>,
        now: u64,
    ) -> Vec<Enqueued> {
        // Where each id will lie is looked at for all first: the processor waits for many cache misses, if they do not
        // depend on each other, as long as for one.
        black_box(
            jobs.iter()
                .filter(|job| self.find(job.id).is_some())
                .count(),
        );
        jobs.into_iter()
            .map(|job| self.enqueue_one(job, max_queued, now))
            .collect()
    }

    fn enqueue_one(&mut self, job: NewJob, max_queued: Option<usize>, now: u64) -> Enqueued {
        if let Some(slot) = self.find(job.id) {
            return Enqueued::Created(self.view(&self.jobs[slot]));
        }
        if let Some((slot, fingerprint)) = job
            .idempotency
            .as_deref()
            .and_then(|wanted| self.find_key(wanted))
        {
            let earlier = &self.jobs[slot];
            let is_same = job
                .idempotency
                .is_some_and(|wanted| wanted.fingerprint == fingerprint);
            return if is_same {
                Enqueued::Replayed(self.view(earlier))
            } else {
                Enqueued::KeyReused
            };
        }
        let queue = self.queues.find(&self.hashing, &job.queue);
        let waiting = queue.map_or(0, |queue| self.queues.get(queue).waiting());
        if max_queued.is_some_and(|most| waiting >= most) {
            return Enqueued::QueueFull;
        }
        let record = self.new_record(job, now);
        let slot = self.add(record);
        Enqueued::Created(self.view(&self.jobs[slot]))
    }

    /// The job of this scope and key, and the fingerprint that it was submitted with.
    fn find_key(&self, wanted: &Idempotency) -> Option<(Slot, [u8; 32])> {
        let of = |slot: Slot| self.jobs[slot].idempotency.as_deref();
        let slot = self.keys.find(self.key_hash(wanted), |slot| {
            of(slot).is_some_and(|kept| kept.key == wanted.key && kept.scope == wanted.scope)
        })?;
        Some((slot, of(slot)?.fingerprint))
    }

    fn new_record(&mut self, job: NewJob, now: u64) -> Record {
        let has_lineage = job.redrive_of.is_some() || job.origin.is_some();
        let ready_at = now.saturating_add(job.delay_ms);
        Record {
            id: job.id,
            created_at: now,
            updated_at: now,
            ready_at,
            scheduled_at: if job.delay_ms > 0 {
                Moment::at(ready_at)
            } else {
                Moment::NEVER
            },
            timeout_ms: job.timeout_ms,
            retention: job.retention,
            version: 1,
            fence: 0,
            payload: job.payload,
            request: job.request,
            idempotency: job.idempotency,
            lineage: has_lineage.then(|| {
                Box::new(Lineage {
                    redrive_of: job.redrive_of,
                    origin: job.origin,
                })
            }),
            life: None,
            handler: self.names.acquire(&self.hashing, &job.handler),
            owner: job
                .owner
                .map(|owner| self.names.acquire(&self.hashing, &owner)),
            queue: self
                .queues
                .find_or_add(&self.hashing, &job.queue, || Arc::clone(&job.queue)),
            state: state::first(job.delay_ms),
            priority: job.priority,
            attempt: 0,
            max_attempts: job.max_attempts,
        }
    }
}
