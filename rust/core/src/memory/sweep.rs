//! What a sweep does about the past: strip, prune; and delete, which need not wait for it (RTN-1).

use super::MemoryStore;
use super::slab::Slot;
use crate::ids::JobId;

impl MemoryStore {
    /// Drop request, payload and result of at most `limit` ended jobs whose retention is over and whose key still keeps
    /// the record (IDM-4); return how many. It looks at no more than `limit`, those that are left to prune included.
    pub fn strip(&mut self, limit: usize, now: u64) -> usize {
        // Where the key does not keep it any more either, prune takes it as a whole.
        let is_kept = |slot: &Slot| {
            self.jobs[*slot]
                .forgotten_at()
                .is_some_and(|time| time > now)
        };
        let past = self.strips.until(now).take(limit);
        let stripped: Vec<(u64, Slot)> = past.filter(|(_, slot)| is_kept(slot)).collect();
        for (time, slot) in &stripped {
            self.strips.remove(*time, *slot);
            let record = &mut self.jobs[*slot];
            record.payload = None;
            record.request = None;
            let life = record.life_mut();
            life.result = None;
            life.stripped = true;
            self.touch(*slot, now);
        }
        stripped.len()
    }

    /// Delete at most `limit` records that nothing keeps any more, with their keys and effects; return how many.
    pub fn prune(&mut self, limit: usize, now: u64) -> usize {
        let mut pruned = 0;
        while pruned < limit
            && let Some((time, slot)) = self.prunes.first()
            && time <= now
        {
            self.remove(slot);
            pruned += 1;
        }
        pruned
    }

    /// Delete a job that has ended; false where there is none, or it has not ended.
    pub fn delete(&mut self, id: JobId) -> bool {
        let ended = self
            .find(id)
            .filter(|slot| self.jobs[*slot].state.is_terminal());
        if let Some(slot) = ended {
            self.remove(slot);
        }
        ended.is_some()
    }
}
