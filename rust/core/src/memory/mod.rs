//! A store that keeps jobs in the memory of one process.
//!
//! Jobs lie in a slab, and every index names them by their slot: ids and keys by hash, a ready queue and a schedule for
//! each queue, leases and retention by time, the listing by age. A job is in exactly the indexes that its state and its
//! record ask for, which `audit` checks; nothing outlives the last job that needs it (RTN-1).

mod audit;
mod bells;
mod cancel;
mod claim;
mod claim_book;
mod deadlines;
mod effects;
mod fenced;
mod hashing;
mod lane;
mod list;
mod moment;
mod movement;
mod names;
mod queues;
mod read;
mod record;
mod settle;
mod slab;
mod sorted;
mod submit;
mod sweep;
mod view;

use std::fmt;

pub use crate::answer::{
    CancelNotice, Cancellation, Claim, ClaimRequest, Claims, Enqueued, Expired, JobFilter, Page,
    QueueCounts, Renewal, Reservation, Settled, Settlement, Wakes,
};
pub use audit::Footprint;

use crate::ids::JobId;
use bells::Bells;
use claim_book::ClaimBook;
use deadlines::Deadlines;
use effects::Families;
use hashing::{Hashing, Lookup};
use lane::Lane;
use names::Names;
use queues::Queues;
use record::Record;
use slab::{Slab, Slot};

/// The store. Every operation takes the time as an argument, in UTC milliseconds; it may jump.
pub struct MemoryStore {
    hashing: Hashing,
    jobs: Slab<Record>,
    ids: Lookup,
    /// Jobs by the scope and key of their submission (IDM-1).
    keys: Lookup,
    names: Names,
    queues: Queues,
    /// All jobs by age.
    listing: Lane,
    /// Failed jobs by age: the dead letters, which a listing finds without passing all others.
    failed: Lane,
    leases: Deadlines,
    claims: ClaimBook,
    /// Ended jobs by the time at which payload and result go before the record does.
    strips: Deadlines,
    /// Ended jobs by the time at which the record goes.
    prunes: Deadlines,
    families: Families,
    bells: Bells,
}

impl Default for MemoryStore {
    fn default() -> Self {
        let hashing = Hashing::default();
        Self {
            families: Families::new(&hashing),
            bells: Bells::new(&hashing),
            hashing,
            jobs: Slab::default(),
            ids: Lookup::default(),
            keys: Lookup::default(),
            names: Names::default(),
            queues: Queues::default(),
            listing: Lane::default(),
            failed: Lane::default(),
            leases: Deadlines::default(),
            claims: ClaimBook::default(),
            strips: Deadlines::default(),
            prunes: Deadlines::default(),
        }
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("MemoryStore")
            .field("footprint", &self.footprint())
            .finish_non_exhaustive()
    }
}

impl MemoryStore {
    /// Make an empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Count one more watcher of a job, whose changes are then among the wakes; there need not be such a job.
    pub fn watch(&mut self, id: JobId) {
        self.bells.watch(id);
    }

    /// Count one watcher less.
    pub fn unwatch(&mut self, id: JobId) {
        self.bells.unwatch(id);
    }

    /// Whether anybody is to be woken.
    #[must_use]
    pub fn has_wakes(&self) -> bool {
        self.bells.any()
    }

    /// Take away whom to wake; the next wakes are those of later operations.
    pub fn take_wakes(&mut self) -> Wakes {
        self.bells.take()
    }

    fn find(&self, id: JobId) -> Option<Slot> {
        self.ids
            .find(self.hashing.id(id), |slot| self.jobs[slot].id == id)
    }
}
