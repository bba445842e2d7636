//! What a sweep does about the past: strip, prune; and delete, which need not wait for it (RTN-1).

use super::MemoryStore;
use crate::ids::JobId;

impl MemoryStore {
    /// Drop request, payload and result of at most `limit` ended jobs whose retention is over and whose key still keeps
    /// the record (IDM-4); return how many.
    pub fn strip(&mut self, limit: usize, now: u64) -> usize {
        let mut stripped = 0;
        for _ in 0..limit {
            let Some(slot) = self.strips.pop_due(now) else {
                break;
            };
            let record = &mut self.jobs[slot];
            // Where the key does not keep it any more either, prune takes it as a whole.
            if record.forgotten_at().is_none_or(|time| time <= now) {
                continue;
            }
            record.payload = None;
            record.request = None;
            record.stripped = true;
            record.life_mut().result = None;
            self.touch(slot, now);
            stripped += 1;
        }
        stripped
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
