//! What only the holder of a job may do: renew, report progress, reserve and record effects (LSE-2).

use std::sync::Arc;

use super::MemoryStore;
use super::slab::Slot;
use crate::answer::{Expired, Renewal, Reservation};
use crate::ids::JobId;
use crate::job::Body;

impl MemoryStore {
    /// The job, if this run holds it. A lease that is past is still held, until a rescue ends it (LSE-5).
    fn held(&self, id: JobId, fence: u64) -> Option<Slot> {
        self.find(id)
            .filter(|slot| self.jobs[*slot].is_held_by(fence))
    }

    /// Prolong leases `(job, fence)`, each to `lease_ms` from now. It changes no version (SET-5).
    pub fn renew(&mut self, leases: &[(JobId, u64)], lease_ms: u64, now: u64) -> Vec<Renewal> {
        leases
            .iter()
            .map(|(id, fence)| self.renew_one(*id, *fence, now.saturating_add(lease_ms)))
            .collect()
    }

    fn renew_one(&mut self, id: JobId, fence: u64, until: u64) -> Renewal {
        let Some(slot) = self.held(id, fence) else {
            return Renewal::Stale;
        };
        let life = self.jobs[slot].life_mut();
        self.leases.remove(life.lease_until, slot);
        self.leases.insert(until, slot);
        life.lease_until = until;
        if life.cancel_requested_at.is_set() {
            Renewal::CancelRequested
        } else {
            Renewal::Renewed
        }
    }

    /// Runs whose lease has passed, longest ago first, with the facts that decide their rescue.
    #[must_use]
    pub fn expired(&self, limit: usize, now: u64) -> Vec<Expired> {
        // A lease is past when its end is, not when it is reached.
        let past = now
            .checked_sub(1)
            .into_iter()
            .flat_map(|before| self.leases.until(before));
        let facts = past.map(|(_, slot)| {
            let record = &self.jobs[slot];
            Expired {
                id: record.id,
                fence: record.fence,
                attempt: record.attempt,
                max_attempts: record.max_attempts,
                cancel_requested: record.cancel_requested(),
                handler: Arc::clone(self.names.text(record.handler)),
                queue: Arc::clone(&self.queues.get(record.queue).name),
            }
        });
        facts.take(limit).collect()
    }

    /// Keep what a run says of its progress; false where the run is stale.
    pub fn progress(&mut self, id: JobId, fence: u64, body: Body, now: u64) -> bool {
        let Some(slot) = self.held(id, fence) else {
            return false;
        };
        self.jobs[slot].life_mut().progress = Some(body);
        self.touch(slot, now);
        true
    }

    /// Reserve a side effect of the job, shared with all its redrives (EFF-1).
    ///
    /// Repeated with its nonce it answers as the first time (SUB-3). `takeover` reserves again what another began and
    /// never recorded.
    pub fn reserve(
        &mut self,
        id: JobId,
        fence: u64,
        key: &str,
        nonce: &str,
        takeover: bool,
        _now: u64,
    ) -> Reservation {
        let Some(slot) = self.held(id, fence) else {
            return Reservation::Stale;
        };
        self.families
            .reserve(self.jobs[slot].origin(), key, nonce, takeover)
    }

    /// Record the value of a reserved effect, or give the reservation back (`None`).
    ///
    /// False where the run is stale, or the reservation is not (or no longer) the one of this nonce.
    pub fn record(
        &mut self,
        id: JobId,
        fence: u64,
        key: &str,
        nonce: &str,
        value: Option<Body>,
        _now: u64,
    ) -> bool {
        let Some(slot) = self.held(id, fence) else {
            return false;
        };
        let origin = self.jobs[slot].origin();
        let done = self.families.record(origin, key, nonce, value);
        self.families.tidy(origin, true);
        done
    }
}
