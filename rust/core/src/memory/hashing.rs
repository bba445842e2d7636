//! Finding slots by hash, without a second copy of what is looked for.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};

use hashbrown::HashTable;

use super::slab::Slot;
use crate::ids::JobId;

/// Hashes for one store. The seeds are drawn by the standard library for each store, so that nobody who chooses keys,
/// owners or ids can make them collide; they change where entries lie, never an answer.
#[derive(Clone, Debug)]
pub(super) struct Hashing {
    text: RandomState,
    id: IdHashing,
}

impl Default for Hashing {
    fn default() -> Self {
        let text = RandomState::new();
        let id = IdHashing {
            high: text.hash_one(0_u64),
            low: text.hash_one(1_u64),
        };
        Self { text, id }
    }
}

impl Hashing {
    pub(super) fn text<T: Hash + ?Sized>(&self, text: &T) -> u64 {
        self.text.hash_one(text)
    }

    pub(super) fn id(&self, id: JobId) -> u64 {
        self.id.hash(id.bits())
    }

    /// For maps whose keys are ids.
    pub(super) fn of_ids(&self) -> IdHashing {
        self.id.clone()
    }
}

/// A hash for ids, which bring 74 random bits: one wide multiplication of the seeded halves folds them.
#[derive(Clone, Debug)]
pub(super) struct IdHashing {
    high: u64,
    low: u64,
}

impl IdHashing {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the halves are what is wanted"
    )]
    fn hash(&self, bits: u128) -> u64 {
        let product =
            u128::from((bits >> 64) as u64 ^ self.high) * u128::from(bits as u64 ^ self.low);
        (product >> 64) as u64 ^ product as u64
    }
}

impl BuildHasher for IdHashing {
    type Hasher = IdHasher;

    fn build_hasher(&self) -> IdHasher {
        IdHasher {
            hashing: self.clone(),
            hash: 0,
        }
    }
}

#[derive(Debug)]
pub(super) struct IdHasher {
    hashing: IdHashing,
    hash: u64,
}

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.hash
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u128(u128::from(*byte));
        }
    }

    fn write_u128(&mut self, bits: u128) {
        self.hash = self.hashing.hash(bits ^ u128::from(self.hash));
    }
}

/// Slots by the hash of what lies there. It keeps half of each hash, so that it grows without touching the values.
#[derive(Debug, Default)]
pub(super) struct Lookup {
    table: HashTable<(u32, Slot)>,
}

impl Lookup {
    pub(super) fn len(&self) -> usize {
        self.table.len()
    }

    pub(super) fn find(&self, hash: u64, mut is_it: impl FnMut(Slot) -> bool) -> Option<Slot> {
        let half = half(hash);
        let entry = self
            .table
            .find(spread(half), |&(kept, slot)| kept == half && is_it(slot))?;
        Some(entry.1)
    }

    pub(super) fn insert(&mut self, hash: u64, slot: Slot) {
        let half = half(hash);
        self.table
            .insert_unique(spread(half), (half, slot), |&(kept, _)| spread(kept));
    }

    pub(super) fn remove(&mut self, hash: u64, slot: Slot) {
        let half = half(hash);
        if let Ok(entry) = self
            .table
            .find_entry(spread(half), |&entry| entry == (half, slot))
        {
            entry.remove();
        }
        if self.table.capacity() > 1_024 && self.table.len() < self.table.capacity() / 8 {
            self.table
                .shrink_to(self.table.len() * 2, |&(kept, _)| spread(kept));
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "half of the hash is wanted"
)]
const fn half(hash: u64) -> u32 {
    (hash >> 32) as u32
}

/// The table takes its place from the low bits and its tag from the high ones: give it both.
const fn spread(half: u32) -> u64 {
    (half as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
}
