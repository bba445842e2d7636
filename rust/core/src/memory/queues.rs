//! The queues: who waits in each, how many are in each state, and whether somebody waits to be told of more.

use std::sync::Arc;

use super::hashing::{Hashing, Lookup};
use super::lane::Lane;
use super::slab::{Slab, Slot};
use crate::state::State;

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) name: Arc<str>,
    /// Jobs that may be claimed, by rank.
    pub(super) ready: Lane,
    /// Jobs that wait for their time, by it.
    pub(super) due: Lane,
    pub(super) paused: bool,
    /// A claim from it came back short, and nobody has been told of anything new since.
    pub(super) armed: bool,
    /// How many jobs are in each state, in the order of [`State::ALL`].
    pub(super) counts: [usize; State::COUNT],
}

impl Queue {
    pub(super) const fn count(&self, state: State) -> usize {
        self.counts[state as usize]
    }

    pub(super) const fn add(&mut self, state: State) {
        self.counts[state as usize] += 1;
    }

    pub(super) const fn subtract(&mut self, state: State) {
        self.counts[state as usize] -= 1;
    }

    /// How many jobs wait: what `max_queued` bounds.
    pub(super) const fn waiting(&self) -> usize {
        self.count(State::Queued) + self.count(State::Scheduled)
    }

    /// Whether nothing is lost if the queue is forgotten.
    fn is_idle(&self) -> bool {
        !self.paused && !self.armed && self.counts.iter().all(|count| *count == 0)
    }
}

/// The queues by name. One lives while it holds jobs, is paused, or a claim waits to be told of it.
#[derive(Debug, Default)]
pub(super) struct Queues {
    slab: Slab<Queue>,
    lookup: Lookup,
    /// The queue that was begun last; often there is only one, and comparing names is cheaper than hashing them. It may
    /// be gone.
    last: Slot,
}

impl Queues {
    pub(super) const fn len(&self) -> usize {
        self.slab.len()
    }

    pub(super) fn find(&self, hashing: &Hashing, name: &str) -> Option<Slot> {
        if self
            .slab
            .get(self.last)
            .is_some_and(|queue| &*queue.name == name)
        {
            return Some(self.last);
        }
        let slab = &self.slab;
        self.lookup
            .find(hashing.text(name), |slot| &*slab[slot].name == name)
    }

    /// Find a queue, or begin it.
    pub(super) fn find_or_add(
        &mut self,
        hashing: &Hashing,
        name: &str,
        shared: impl FnOnce() -> Arc<str>,
    ) -> Slot {
        if let Some(slot) = self.find(hashing, name) {
            return slot;
        }
        let slot = self.slab.insert(Queue {
            name: shared(),
            ready: Lane::default(),
            due: Lane::default(),
            paused: false,
            armed: false,
            counts: [0; State::COUNT],
        });
        self.lookup.insert(hashing.text(name), slot);
        self.last = slot;
        slot
    }

    /// Forget a queue, if nothing is lost with it.
    pub(super) fn tidy(&mut self, hashing: &Hashing, slot: Slot) {
        let queue = &self.slab[slot];
        if queue.is_idle() {
            self.lookup.remove(hashing.text(&*queue.name), slot);
            self.slab.remove(slot);
        }
    }

    pub(super) fn get(&self, slot: Slot) -> &Queue {
        &self.slab[slot]
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> &mut Queue {
        &mut self.slab[slot]
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &Queue)> {
        self.slab.iter()
    }
}
