//! Jobs by a time at which something is to be done: leases that end, records that go.

use super::slab::Slot;
use super::sorted::Sorted;

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    times: Sorted<(u64, Slot)>,
}

impl Deadlines {
    pub(super) const fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn insert(&mut self, time: u64, slot: Slot) {
        self.times.insert((time, slot));
    }

    pub(super) fn remove(&mut self, time: u64, slot: Slot) {
        self.times.remove((time, slot));
    }

    pub(super) fn first(&self) -> Option<(u64, Slot)> {
        self.times.first()
    }

    /// Those whose time has come, earliest first.
    pub(super) fn until(&self, now: u64) -> impl Iterator<Item = (u64, Slot)> {
        self.times.iter().take_while(move |(time, _)| *time <= now)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Slot)> {
        self.times.iter()
    }
}
