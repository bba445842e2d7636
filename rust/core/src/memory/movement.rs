//! How a job goes from one state to another, and in and out of the store: the only code that keeps indexes true.

use super::MemoryStore;
use super::lane::Place;
use super::record::Record;
use super::slab::Slot;
use crate::job::Idempotency;
use crate::state::State;

impl MemoryStore {
    /// Move a job to a state that the table has given, after `change` was made to its record.
    pub(super) fn move_to(
        &mut self,
        slot: Slot,
        to: State,
        now: u64,
        change: impl FnOnce(&mut Record),
    ) {
        self.leave(slot);
        let record = &mut self.jobs[slot];
        change(record);
        record.state = to;
        self.touch(slot, now);
        self.enter(slot);
    }

    /// A job has changed visibly.
    pub(super) fn touch(&mut self, slot: Slot, now: u64) {
        let record = &mut self.jobs[slot];
        record.version += 1;
        record.updated_at = now;
        self.bells.changed(record.id);
    }

    /// Take a job out of the indexes of its state.
    fn leave(&mut self, slot: Slot) {
        let record = &self.jobs[slot];
        let queue = self.queues.get_mut(record.queue);
        queue.subtract(record.state);
        match record.state {
            State::Scheduled => queue.due.remove(Place::due(record), slot),
            State::Queued => queue.ready.remove(Place::ready(record), slot),
            State::InProgress => {
                if let Some(life) = &record.life {
                    self.leases.remove(life.lease_until, slot);
                    self.claims.end_one(life.claim);
                }
            }
            State::Completed | State::Failed | State::Canceled => {
                if let (Some(expires_at), Some(forgotten_at)) =
                    (record.expires_at(), record.forgotten_at())
                {
                    if forgotten_at > expires_at {
                        self.strips.remove(expires_at, slot);
                    }
                    self.prunes.remove(forgotten_at, slot);
                }
                if record.state == State::Failed {
                    self.failed.remove(Place::listed(record), slot);
                }
            }
        }
    }

    /// Put a job into the indexes of its state. A claim puts running jobs there itself, many at once.
    fn enter(&mut self, slot: Slot) {
        let record = &self.jobs[slot];
        let queue = self.queues.get_mut(record.queue);
        queue.add(record.state);
        match record.state {
            State::Scheduled => {
                let place = Place::due(record);
                if queue.due.first().is_none_or(|first| place < first) {
                    self.bells.ready(queue);
                }
                queue.due.insert(place, slot);
            }
            State::Queued => {
                queue.ready.insert(Place::ready(record), slot);
                self.bells.ready(queue);
            }
            State::InProgress => {
                if let Some(life) = &record.life {
                    self.leases.insert(life.lease_until, slot);
                }
            }
            State::Completed | State::Failed | State::Canceled => {
                if let (Some(expires_at), Some(forgotten_at)) =
                    (record.expires_at(), record.forgotten_at())
                {
                    if forgotten_at > expires_at {
                        self.strips.insert(expires_at, slot);
                    }
                    self.prunes.insert(forgotten_at, slot);
                }
                if record.state == State::Failed {
                    self.failed.insert(Place::listed(record), slot);
                }
            }
        }
    }

    /// Store a new job, its key with it (IDM-3).
    pub(super) fn add(&mut self, record: Record) -> Slot {
        let id = self.hashing.id(record.id);
        let key = record
            .idempotency
            .as_deref()
            .map(|idempotency| self.key_hash(idempotency));
        let place = Place::listed(&record);
        if let Some(origin) = record.lineage.as_ref().and_then(|lineage| lineage.origin) {
            self.families.join(origin);
        }
        let slot = self.jobs.insert(record);
        self.ids.insert(id, slot);
        if let Some(key) = key {
            self.keys.insert(key, slot);
        }
        self.listing.insert(place, slot);
        self.enter(slot);
        self.bells.changed(self.jobs[slot].id);
        slot
    }

    /// Delete a job with all that belongs to it alone (RTN-1).
    pub(super) fn remove(&mut self, slot: Slot) {
        self.leave(slot);
        let Some(record) = self.jobs.remove(slot) else {
            return;
        };
        self.ids.remove(self.hashing.id(record.id), slot);
        if let Some(idempotency) = record.idempotency.as_deref() {
            self.keys.remove(self.key_hash(idempotency), slot);
        }
        self.listing.remove(Place::listed(&record), slot);
        self.names.release(&self.hashing, record.handler);
        let workers = record
            .life
            .iter()
            .flat_map(|life| life.runs())
            .map(|run| run.worker);
        for name in workers.chain(record.owner) {
            self.names.release(&self.hashing, name);
        }
        self.queues.tidy(&self.hashing, record.queue);
        if let Some(origin) = record.lineage.as_ref().and_then(|lineage| lineage.origin) {
            let origin_lives = self.find(origin).is_some();
            self.families.leave(origin, origin_lives);
        }
        self.families.tidy(record.id, false);
        self.bells.changed(record.id);
    }

    pub(super) fn key_hash(&self, idempotency: &Idempotency) -> u64 {
        self.hashing.text(&(&*idempotency.scope, &*idempotency.key))
    }
}
