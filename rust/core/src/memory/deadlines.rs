//! Jobs by a time at which something is to be done: leases that end, records that go.

use std::collections::BTreeSet;

use super::slab::Slot;

#[derive(Debug, Default)]
pub(super) struct Deadlines {
    times: BTreeSet<(u64, Slot)>,
}

impl Deadlines {
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn insert(&mut self, time: u64, slot: Slot) {
        self.times.insert((time, slot));
    }

    pub(super) fn remove(&mut self, time: u64, slot: Slot) {
        self.times.remove(&(time, slot));
    }

    pub(super) fn first(&self) -> Option<(u64, Slot)> {
        self.times.first().copied()
    }

    /// Take out the earliest, if its time has come.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Slot> {
        self.times.first().filter(|(time, _)| *time <= now)?;
        self.times.pop_first().map(|(_, slot)| slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, Slot)> {
        self.times.iter().copied()
    }
}
