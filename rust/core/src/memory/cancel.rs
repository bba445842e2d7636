//! What users ask of single jobs and queues: cancel, run now, pause.

use std::sync::Arc;

use super::MemoryStore;
use super::moment::Moment;
use super::slab::Slot;
use crate::answer::{CancelNotice, Cancellation};
use crate::ids::JobId;
use crate::job::Job;
use crate::state::{self, Event, State};

impl MemoryStore {
    /// Apply the table's row for a cancel to the job's present state (CAN-1).
    pub fn cancel(&mut self, id: JobId, now: u64) -> Cancellation {
        let Some(slot) = self.find(id) else {
            return Cancellation::Missing;
        };
        let record = &self.jobs[slot];
        match state::next(record.state, Event::Cancel) {
            Ok(State::InProgress) => {
                self.request_cancel(slot, now);
                Cancellation::Requested(self.view(&self.jobs[slot]))
            }
            Ok(to) => {
                self.move_to(slot, to, now, |record| {
                    let life = record.life_mut();
                    life.cancel_requested_at = Moment::at(now);
                    life.finished_at = Moment::at(now);
                });
                Cancellation::Canceled(self.view(&self.jobs[slot]))
            }
            Err(_) if record.state == State::Canceled => Cancellation::Already(self.view(record)),
            Err(_) => Cancellation::Refused(self.view(record)),
        }
    }

    /// Ask a running job to stop. The first request stands; its worker also hears of it at each renewal (CAN-2).
    fn request_cancel(&mut self, slot: Slot, now: u64) {
        let record = &mut self.jobs[slot];
        let (id, fence) = (record.id, record.fence);
        let life = record.life_mut();
        if life.cancel_requested_at.is_set() {
            return;
        }
        life.cancel_requested_at = Moment::at(now);
        if let Some(run) = &life.newest_run {
            let worker = Arc::clone(self.names.text(run.worker));
            self.bells.cancel(CancelNotice { worker, id, fence });
        }
        self.touch(slot, now);
    }

    /// Make a scheduled job queued, as if its time had come; return the job as it is then.
    pub fn run_now(&mut self, id: JobId, now: u64) -> Option<Job> {
        let slot = self.find(id)?;
        if let Ok(to) = state::next(self.jobs[slot].state, Event::RunNow) {
            self.move_to(slot, to, now, |record| record.ready_at = now);
        }
        Some(self.view(&self.jobs[slot]))
    }

    /// Stop or resume claims from a queue, which need not hold jobs.
    pub fn pause(&mut self, queue: &str, paused: bool) {
        if paused {
            let slot = self
                .queues
                .find_or_add(&self.hashing, queue, || Arc::from(queue));
            self.queues.get_mut(slot).paused = true;
        } else if let Some(slot) = self.queues.find(&self.hashing, queue) {
            let queue = self.queues.get_mut(slot);
            queue.paused = false;
            if !(queue.ready.is_empty() && queue.due.is_empty()) {
                self.bells.ready(queue);
            }
            self.queues.tidy(&self.hashing, slot);
        }
    }

    /// The queues that are paused, by name.
    #[must_use]
    pub fn paused(&self) -> Vec<Arc<str>> {
        let paused = self.queues.iter().filter(|(_, queue)| queue.paused);
        let mut names: Vec<_> = paused.map(|(_, queue)| Arc::clone(&queue.name)).collect();
        names.sort_unstable();
        names
    }
}
