//! Where values lie: chunks of memory that are filled, reused and given back.
//!
//! A growing vector would copy all jobs at once, and keep its greatest size for ever. Here growth costs one chunk, and
//! a chunk whose last value is gone is given back (all but one, so that a store with few jobs does not allocate at each).

use std::ops::{Index, IndexMut};

/// Where a value lies, for as long as it is there; then the place may be given to another.
pub(super) type Slot = u32;

/// How many values a chunk holds: a power of two, so that a slot splits by bits; few in tests, so that they use many.
const CHUNK: u32 = if cfg!(test) { 4 } else { 256 };
const NONE: u32 = u32::MAX;

#[derive(Debug)]
enum Entry<T> {
    Free { next: u32 },
    Used(T),
}

#[derive(Debug)]
struct Chunk<T> {
    entries: Vec<Entry<T>>,
    /// The first of the free entries, which are linked.
    free: u32,
    used: u32,
}

impl<T> Chunk<T> {
    const fn new() -> Self {
        Self {
            entries: Vec::new(),
            free: NONE,
            used: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks with room.
    open: Vec<u32>,
    /// An empty chunk that kept its memory.
    idle: Option<u32>,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            open: Vec::new(),
            idle: None,
            len: 0,
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "a chunk has fewer than 2^32 entries, a store fewer than 2^32 jobs"
)]
impl<T> Slab<T> {
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    pub(super) fn insert(&mut self, value: T) -> Slot {
        let number = self.chunk_with_room();
        if self.idle == Some(number) {
            self.idle = None;
        }
        let chunk = &mut self.chunks[number as usize];
        let place = if chunk.free == NONE {
            chunk.entries.push(Entry::Used(value));
            chunk.entries.len() as u32 - 1
        } else {
            let place = chunk.free;
            let entry = &mut chunk.entries[place as usize];
            if let Entry::Free { next } = *entry {
                chunk.free = next;
            }
            *entry = Entry::Used(value);
            place
        };
        chunk.used += 1;
        if chunk.used == CHUNK {
            self.open.pop();
        }
        self.len += 1;
        number * CHUNK + place
    }

    fn chunk_with_room(&mut self) -> u32 {
        if let Some(&number) = self.open.last() {
            return number;
        }
        let number = self.chunks.len() as u32;
        self.chunks.push(Chunk::new());
        self.open.push(number);
        number
    }

    /// Take a value out; `None` where the slot is free.
    pub(super) fn remove(&mut self, slot: Slot) -> Option<T> {
        let (number, place) = (slot / CHUNK, slot % CHUNK);
        let chunk = self.chunks.get_mut(number as usize)?;
        let entry = chunk.entries.get_mut(place as usize)?;
        if matches!(entry, Entry::Free { .. }) {
            return None;
        }
        let taken = std::mem::replace(entry, Entry::Free { next: chunk.free });
        chunk.free = place;
        if chunk.used == CHUNK {
            self.open.push(number);
        }
        chunk.used -= 1;
        self.len -= 1;
        if chunk.used == 0 {
            if self.idle.is_some() {
                *chunk = Chunk::new();
            } else {
                self.idle = Some(number);
            }
        }
        match taken {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    pub(super) fn get(&self, slot: Slot) -> Option<&T> {
        match self
            .chunks
            .get((slot / CHUNK) as usize)?
            .entries
            .get((slot % CHUNK) as usize)?
        {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    pub(super) fn get_mut(&mut self, slot: Slot) -> Option<&mut T> {
        match self
            .chunks
            .get_mut((slot / CHUNK) as usize)?
            .entries
            .get_mut((slot % CHUNK) as usize)?
        {
            Entry::Used(value) => Some(value),
            Entry::Free { .. } => None,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, &T)> {
        self.chunks.iter().zip(0..).flat_map(|(chunk, number)| {
            chunk
                .entries
                .iter()
                .zip(0..)
                .filter_map(move |(entry, place)| match entry {
                    Entry::Used(value) => Some((number * CHUNK + place, value)),
                    Entry::Free { .. } => None,
                })
        })
    }
}

/// As with a slice, asking for what is not there is a fault of the caller, and panics.
impl<T> Index<Slot> for Slab<T> {
    type Output = T;

    fn index(&self, slot: Slot) -> &T {
        match &self.chunks[(slot / CHUNK) as usize].entries[(slot % CHUNK) as usize] {
            Entry::Used(value) => value,
            Entry::Free { .. } => panic!("slot {slot} is free"),
        }
    }
}

impl<T> IndexMut<Slot> for Slab<T> {
    fn index_mut(&mut self, slot: Slot) -> &mut T {
        match &mut self.chunks[(slot / CHUNK) as usize].entries[(slot % CHUNK) as usize] {
            Entry::Used(value) => value,
            Entry::Free { .. } => panic!("slot {slot} is free"),
        }
    }
}

#[cfg(test)]
mod tests;
