//! A sorted set for entries that mostly arrive at its end and leave at its front.
//!
//! Jobs come and go roughly in the order of time, and then a tree of single entries spends its time on keeping itself in
//! balance. Here entries stand in runs of up to 64, the newest apart from the others: adding at the end and taking from
//! the front cost a few instructions, everything else a search for the run and one within it. A full run is sealed as it
//! is, so in a long queue there are no half empty nodes either.

use std::collections::BTreeMap;

/// How many entries a run holds at most; few in tests, so that they split many.
const RUN: usize = if cfg!(test) { 4 } else { 64 };

/// Below this many, a run's memory is not worth giving back.
const SMALL: usize = 8;

#[derive(Debug)]
struct Run<E> {
    entries: Vec<E>,
    /// How many of the entries have been taken from the front.
    taken: usize,
}

impl<E: Copy + Ord> Run<E> {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            taken: 0,
        }
    }

    fn live(&self) -> &[E] {
        &self.entries[self.taken..]
    }

    fn is_empty(&self) -> bool {
        self.taken == self.entries.len()
    }

    fn is_full(&self) -> bool {
        self.entries.len() >= RUN
    }

    fn first(&self) -> Option<E> {
        self.live().first().copied()
    }

    /// Add an entry where it belongs; there must be room.
    fn insert(&mut self, entry: E) {
        if self.entries.last().is_none_or(|last| *last < entry) {
            self.entries.push(entry);
            return;
        }
        let place = self.taken + self.live().partition_point(|other| *other < entry);
        self.entries.insert(place, entry);
    }

    fn pop(&mut self) -> Option<E> {
        let entry = self.first()?;
        self.taken += 1;
        if self.is_empty() {
            self.entries.clear();
            self.taken = 0;
        }
        Some(entry)
    }

    fn remove(&mut self, entry: E) -> bool {
        if self.first() == Some(entry) {
            self.pop();
            return true;
        }
        let found = self.live().binary_search(&entry);
        if let Ok(place) = found {
            self.entries.remove(self.taken + place);
        }
        found.is_ok()
    }

    fn drop_taken(&mut self) {
        self.entries.drain(..self.taken);
        self.taken = 0;
    }

    /// Give back memory that a sparse run does not need.
    fn shrink(&mut self) {
        let live = self.live().len();
        if self.entries.capacity() > SMALL && live < self.entries.capacity() / 4 {
            self.drop_taken();
            self.entries.shrink_to(live * 2);
        }
    }

    /// Make room for an entry; where every place is taken, keep the lower half and return the upper one.
    fn make_room(&mut self) -> Option<Self> {
        if self.taken > 0 {
            self.drop_taken();
        }
        self.is_full().then(|| self.split())
    }

    /// Keep the lower half, and return the upper one.
    fn split(&mut self) -> Self {
        self.drop_taken();
        let entries = self.entries.split_off(self.entries.len() / 2);
        Self { entries, taken: 0 }
    }
}

#[derive(Debug)]
pub(super) struct Sorted<E> {
    /// Each under an entry that is not above its own, and above all of the run before.
    sealed: BTreeMap<E, Run<E>>,
    /// Above all sealed runs. It keeps its memory when it is empty, so that a short queue does not allocate.
    newest: Run<E>,
    len: usize,
}

impl<E> Default for Sorted<E> {
    fn default() -> Self {
        Self {
            sealed: BTreeMap::new(),
            newest: Run {
                entries: Vec::new(),
                taken: 0,
            },
            len: 0,
        }
    }
}

impl<E: Copy + Ord> Sorted<E> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Add an entry, which must not be there yet.
    pub(super) fn insert(&mut self, entry: E) {
        self.len += 1;
        if !self.belongs_to_newest(entry) {
            self.insert_sealed(entry);
            return;
        }
        if self.newest.is_full() {
            self.make_room(entry);
            if !self.belongs_to_newest(entry) {
                self.insert_sealed(entry);
                return;
            }
        }
        self.newest.insert(entry);
    }

    fn belongs_to_newest(&self, entry: E) -> bool {
        self.newest.first().is_some_and(|first| first < entry)
            || self
                .sealed
                .last_key_value()
                .is_none_or(|(_, run)| run.entries.last().is_none_or(|last| *last < entry))
    }

    /// The newest run is full: drop what was taken from it, or seal as much of it as is below the entry.
    fn make_room(&mut self, entry: E) {
        if self.newest.taken >= RUN / 2 {
            self.newest.drop_taken();
            return;
        }
        let is_above_all = self.newest.entries.last().is_none_or(|last| *last < entry);
        let rest = if is_above_all {
            Run::new()
        } else {
            self.newest.split()
        };
        let mut full = std::mem::replace(&mut self.newest, rest);
        full.entries.shrink_to_fit();
        if let Some(first) = full.first() {
            self.sealed.insert(first, full);
        }
    }

    fn insert_sealed(&mut self, entry: E) {
        let Some((_, run)) = self.sealed.range_mut(..=entry).next_back() else {
            // It is below all others: the first run takes it, under a new key.
            let mut run = self
                .sealed
                .pop_first()
                .map_or_else(Run::new, |(_, run)| run);
            let upper = if run.is_full() { run.make_room() } else { None };
            run.insert(entry);
            self.sealed.insert(entry, run);
            self.seal(upper);
            return;
        };
        let mut upper = if run.is_full() { run.make_room() } else { None };
        match &mut upper {
            Some(upper) if upper.first().is_some_and(|first| first < entry) => upper.insert(entry),
            _ => run.insert(entry),
        }
        self.seal(upper);
    }

    fn seal(&mut self, run: Option<Run<E>>) {
        if let Some((run, first)) = run.and_then(|run| run.first().map(|first| (run, first))) {
            self.sealed.insert(first, run);
        }
    }

    /// Take an entry out; whether it was there.
    pub(super) fn remove(&mut self, entry: E) -> bool {
        let removed = if self.newest.first().is_some_and(|first| first <= entry) {
            self.newest.remove(entry)
        } else {
            self.remove_sealed(entry)
        };
        self.len -= usize::from(removed);
        removed
    }

    fn remove_sealed(&mut self, entry: E) -> bool {
        let Some((key, run)) = self.sealed.range_mut(..=entry).next_back() else {
            return false;
        };
        let removed = run.remove(entry);
        if run.is_empty() {
            let key = *key;
            self.sealed.remove(&key);
        } else {
            run.shrink();
        }
        removed
    }

    pub(super) fn first(&self) -> Option<E> {
        match self.sealed.first_key_value() {
            Some((_, run)) => run.first(),
            None => self.newest.first(),
        }
    }

    pub(super) fn pop(&mut self) -> Option<E> {
        let popped = match self.sealed.first_entry() {
            Some(mut first) => {
                let popped = first.get_mut().pop();
                if first.get().is_empty() {
                    first.remove();
                }
                popped
            }
            None => self.newest.pop(),
        };
        self.len -= usize::from(popped.is_some());
        popped
    }

    /// The first entry that is not below the given one.
    pub(super) fn first_from(&self, bound: E) -> Option<E> {
        let within = |run: &Run<E>| {
            run.live()
                .get(run.live().partition_point(|entry| *entry < bound))
                .copied()
        };
        let before = self
            .sealed
            .range(..=bound)
            .next_back()
            .and_then(|(_, run)| within(run));
        let after = || {
            self.sealed
                .range(bound..)
                .next()
                .and_then(|(_, run)| run.first())
        };
        before.or_else(after).or_else(|| within(&self.newest))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = E> {
        self.sealed
            .values()
            .chain([&self.newest])
            .flat_map(|run| run.live().iter().copied())
    }

    /// From the last entry to the first, beginning below the bound.
    pub(super) fn backwards(&self, below: Option<E>) -> impl Iterator<Item = E> {
        let sealed = match below {
            Some(bound) => self.sealed.range(..bound),
            None => self.sealed.range(..),
        };
        let runs = [&self.newest]
            .into_iter()
            .chain(sealed.rev().map(|(_, run)| run));
        runs.flat_map(move |run| {
            let live = run.live();
            let end = below.map_or(live.len(), |bound| {
                live.partition_point(|entry| *entry < bound)
            });
            live[..end].iter().rev().copied()
        })
    }
}

#[cfg(test)]
mod tests;
