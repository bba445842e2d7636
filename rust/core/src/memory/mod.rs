//! A store that keeps jobs in the memory of one process.

mod answer;

pub use answer::{
    CancelNotice, Cancellation, Claim, ClaimRequest, Claims, Enqueued, Expired, JobFilter, Page,
    QueueCounts, Renewal, Reservation, Settled, Settlement, Wakes,
};

use std::sync::Arc;

use crate::ids::JobId;
use crate::job::{Body, Job, NewJob};

/// The store. Every operation takes the time as an argument; it may jump.
#[derive(Debug, Default)]
pub struct MemoryStore {
    wakes: Wakes,
}

macro_rules! api {
    ($($(#[$m:meta])* fn $name:ident(&mut self $(, $a:ident: $t:ty)*) -> $r:ty { $e:expr })+) => {
        #[allow(unused_variables, missing_docs)]
        impl MemoryStore {
            $($(#[$m])* pub fn $name(&mut self $(, $a: $t)*) -> $r { $e })+
        }
    };
}

api! {
    fn enqueue(&mut self, jobs: Vec<NewJob>, max_queued: Option<usize>, now: u64) -> Vec<Enqueued> { Vec::new() }
    fn claim(&mut self, request: &ClaimRequest<'_>, now: u64) -> Claims { Claims { claims: vec![], next_due_ms: None } }
    fn release_claim(&mut self, claim_id: &str, now: u64) -> usize { 0 }
    fn renew(&mut self, leases: &[(JobId, u64)], lease_ms: u64, now: u64) -> Vec<Renewal> { Vec::new() }
    fn settle(&mut self, settlements: Vec<Settlement>, now: u64) -> Vec<Settled> { Vec::new() }
    fn expired(&mut self, limit: usize, now: u64) -> Vec<Expired> { Vec::new() }
    fn cancel(&mut self, id: JobId, now: u64) -> Cancellation { Cancellation::Missing }
    fn run_now(&mut self, id: JobId, now: u64) -> Option<Job> { None }
    fn promote(&mut self, limit: usize, now: u64) -> usize { 0 }
    fn strip(&mut self, limit: usize, now: u64) -> usize { 0 }
    fn prune(&mut self, limit: usize, now: u64) -> usize { 0 }
    fn delete(&mut self, id: JobId) -> bool { false }
    fn progress(&mut self, id: JobId, fence: u64, body: Body, now: u64) -> bool { false }
    fn reserve(&mut self, id: JobId, fence: u64, key: &str, nonce: &str, takeover: bool, now: u64) -> Reservation { Reservation::Stale }
    fn record(&mut self, id: JobId, fence: u64, key: &str, nonce: &str, value: Option<Body>, now: u64) -> bool { false }
    fn watch(&mut self, id: JobId) -> () { () }
    fn unwatch(&mut self, id: JobId) -> () { () }
    fn pause(&mut self, queue: &str, paused: bool) -> () { () }
}

#[allow(unused_variables, missing_docs, clippy::unused_self)]
impl MemoryStore {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
    pub fn take_wakes(&mut self) -> Wakes {
        std::mem::take(&mut self.wakes)
    }
    #[must_use]
    pub fn has_wakes(&self) -> bool {
        false
    }
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<Job> {
        None
    }
    /// A cursor that is not one of ours starts from the newest.
    #[must_use]
    pub fn list(&self, filter: &JobFilter<'_>, cursor: Option<&str>, limit: usize) -> Page {
        Page {
            jobs: vec![],
            cursor: None,
        }
    }
    #[must_use]
    pub fn counts(&self) -> Vec<QueueCounts> {
        Vec::new()
    }
    #[must_use]
    pub fn oldest_ready(&self, now: u64) -> Vec<(Arc<str>, u64)> {
        Vec::new()
    }
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        None
    }
    #[must_use]
    pub fn paused(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}
