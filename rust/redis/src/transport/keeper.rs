//! The runs whose leases this process renews, in a table that the event loop writes and the I/O thread reads.
//!
//! Neither a blocked event loop nor a held GIL stops the I/O thread (LSE-3a, LSE-3b); what ends a renewal is LSE-4: a run
//! past its timeout, or a keeper that has been silent for longer than it may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::conversation::Begun;
use crate::request::Lease;

/// A point in time, in milliseconds: of the machine's clock, or of the virtual one that callers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Moment {
    ms: u64,
    told: bool,
}

impl Moment {
    /// The milliseconds until a later moment; none pass between two time lines.
    fn until(self, later: Self) -> u64 {
        if self.told == later.told {
            later.ms.saturating_sub(self.ms)
        } else {
            0
        }
    }
}

/// What the callers of a store last told of the time.
#[derive(Debug)]
struct Clock {
    began: Instant,
    /// UTC milliseconds; the largest number where nothing was told.
    told: AtomicU64,
}

impl Clock {
    fn at(&self, now: Option<u64>) -> Moment {
        match now {
            Some(ms) => Moment { ms, told: true },
            None => Moment {
                ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
                told: false,
            },
        }
    }

    fn told(&self) -> Option<u64> {
        let told = self.told.load(Ordering::Relaxed);
        (told != u64::MAX).then_some(told)
    }

    fn present(&self) -> Moment {
        self.at(self.told())
    }
}

/// Every keeper of a transport.
#[derive(Debug)]
pub(crate) struct Keepers {
    clock: Arc<Clock>,
    all: Mutex<Vec<Weak<Keeper>>>,
    changed: Notify,
}

impl Default for Keepers {
    fn default() -> Self {
        Self {
            clock: Arc::new(Clock {
                began: Instant::now(),
                told: AtomicU64::new(u64::MAX),
            }),
            all: Mutex::default(),
            changed: Notify::new(),
        }
    }
}

impl Keepers {
    /// Remember what an operation was told of the time.
    pub(crate) fn tell(&self, now: Option<u64>) {
        self.clock
            .told
            .store(now.unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Whether a virtual clock rules; what it says is the past or the future of the server's.
    pub(crate) fn is_virtual(&self) -> bool {
        self.clock.told().is_some()
    }

    pub(crate) fn add(&self, worker: &str, lease_ms: u64, max_stall_ms: u64) -> Arc<Keeper> {
        let keeper = Arc::new(Keeper {
            worker: worker.into(),
            lease_ms,
            max_stall_ms,
            table: Mutex::new(Table {
                beaten: self.clock.present(),
                held: HashMap::new(),
                is_over: false,
            }),
            clock: Arc::clone(&self.clock),
        });
        let mut keepers = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.retain(|keeper| keeper.strong_count() > 0);
        keepers.push(Arc::downgrade(&keeper));
        drop(keepers);
        self.changed.notify_one();
        keeper
    }

    /// Renew runs that have begun, until their worker takes them up or the store says that it has given them back.
    pub(crate) fn begin(&self, begun: Begun) {
        if let Some(keeper) = self.of(&begun.worker) {
            keeper.begin(begun.runs);
        }
    }

    /// A worker's loop is alive: it asks for something.
    pub(crate) fn beat(&self, worker: &str) {
        if let Some(keeper) = self.of(worker) {
            keeper.beat(None);
        }
    }

    fn of(&self, worker: &str) -> Option<Arc<Keeper>> {
        self.all()
            .into_iter()
            .find(|keeper| &*keeper.worker == worker)
    }

    /// Return when there is another keeper.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// The keepers that somebody still has.
    pub(crate) fn all(&self) -> Vec<Arc<Keeper>> {
        let keepers = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        keepers.iter().filter_map(Weak::upgrade).collect()
    }
}

#[derive(Debug)]
struct Held {
    since: Moment,
    timeout_ms: u64,
}

#[derive(Debug)]
struct Table {
    beaten: Moment,
    held: HashMap<Lease, Held>,
    /// The worker takes up nothing any more.
    is_over: bool,
}

impl Table {
    fn hold(&mut self, runs: impl IntoIterator<Item = (Lease, u64)>, since: Moment) {
        let held = runs
            .into_iter()
            .map(|(lease, timeout_ms)| (lease, Held { since, timeout_ms }));
        self.held.extend(held);
    }
}

/// The runs of one worker.
#[derive(Debug)]
pub struct Keeper {
    worker: Arc<str>,
    lease_ms: u64,
    max_stall_ms: u64,
    table: Mutex<Table>,
    clock: Arc<Clock>,
}

impl Keeper {
    /// Who runs them.
    #[must_use]
    pub fn worker(&self) -> &Arc<str> {
        &self.worker
    }

    /// How far each renewal reaches.
    #[must_use]
    pub fn lease_ms(&self) -> u64 {
        self.lease_ms
    }

    /// How long to wait between two renewals.
    pub(crate) fn every(&self) -> Duration {
        Duration::from_millis((self.lease_ms / 3).max(1))
    }

    /// Renew runs, each with the milliseconds after which it has lost its claim to it.
    ///
    /// Only a living loop takes up runs, so this is a beat as well.
    pub fn hold(&self, runs: impl IntoIterator<Item = (Lease, u64)>) {
        let since = self.clock.present();
        let mut table = self.locked();
        table.beaten = since;
        table.hold(runs, since);
    }

    /// Renew runs of which the loop has not heard yet: this is no beat.
    fn begin(&self, runs: Vec<(Lease, u64)>) {
        let since = self.clock.present();
        let mut table = self.locked();
        if !table.is_over {
            table.hold(runs, since);
        }
    }

    /// Renew these no more.
    pub fn release(&self, leases: impl IntoIterator<Item = Lease>) {
        let mut table = self.locked();
        for lease in leases {
            table.held.remove(&lease);
        }
    }

    /// Renew nothing more, nor what begins from now on.
    pub fn release_all(&self) {
        let mut table = self.locked();
        table.held.clear();
        table.is_over = true;
    }

    /// The loop is alive, at a virtual time where one is told.
    pub fn beat(&self, now: Option<u64>) {
        let moment = match now {
            Some(now) => self.clock.at(Some(now)),
            None => self.clock.present(),
        };
        self.locked().beaten = moment;
    }

    /// The runs that may live on (LSE-4), at a virtual time where one is told.
    #[must_use]
    pub fn renewable(&self, now: Option<u64>) -> Vec<Lease> {
        let present = self.clock.at(now);
        let table = self.locked();
        if table.beaten.until(present) > self.max_stall_ms {
            return Vec::new();
        }
        let living = table
            .held
            .iter()
            .filter(|(_, held)| held.since.until(present) <= held.timeout_ms);
        living.map(|(lease, _)| *lease).collect()
    }

    fn locked(&self) -> MutexGuard<'_, Table> {
        // Every change is whole as soon as it is visible.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use asyncendpoints_core::ids::JobId;

    use super::*;

    fn job(number: u8) -> JobId {
        JobId::new(u64::from(number), [number; 10])
    }

    fn keepers() -> Keepers {
        let keepers = Keepers::default();
        keepers.tell(Some(1_000));
        keepers
    }

    #[test]
    fn a_run_is_renewed_until_its_timeout_is_past() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 60_000);
        keeper.hold([((job(1), 1), 500)]);
        assert_eq!(keeper.renewable(Some(1_500)), [(job(1), 1)]);
        assert!(keeper.renewable(Some(1_501)).is_empty());
    }

    #[test]
    fn a_keeper_that_is_silent_for_too_long_renews_nothing() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 700);
        keeper.hold([((job(1), 1), 60_000)]);
        assert_eq!(keeper.renewable(Some(1_700)).len(), 1);
        assert!(keeper.renewable(Some(1_701)).is_empty());
        keeper.beat(Some(1_701));
        assert_eq!(keeper.renewable(Some(1_701)).len(), 1);
    }

    #[test]
    fn what_is_released_is_not_renewed() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 60_000);
        keeper.hold([((job(1), 1), 60_000), ((job(2), 4), 60_000)]);
        keeper.release([(job(1), 1), (job(3), 1)]);
        assert_eq!(keeper.renewable(Some(1_000)), [(job(2), 4)]);
        keeper.release_all();
        assert!(keeper.renewable(Some(1_000)).is_empty());
    }

    fn begun(worker: &str) -> Begun {
        Begun {
            worker: worker.into(),
            runs: vec![((job(1), 1), 60_000)],
        }
    }

    #[test]
    fn runs_of_which_the_loop_has_not_heard_are_renewed_as_long_as_it_is_not_silent() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 700);
        keepers.begin(begun("another"));
        assert!(keeper.renewable(Some(1_000)).is_empty());
        keepers.tell(Some(1_600));
        keepers.begin(begun("worker"));
        assert_eq!(keeper.renewable(Some(1_700)), [(job(1), 1)]);
        assert!(keeper.renewable(Some(1_701)).is_empty());
        keepers.beat("worker");
        assert_eq!(keeper.renewable(Some(2_300)), [(job(1), 1)]);
    }

    #[test]
    fn runs_that_begin_after_the_end_are_not_renewed() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 60_000);
        keeper.release_all();
        keepers.begin(begun("worker"));
        assert!(keeper.renewable(Some(1_000)).is_empty());
    }

    #[test]
    fn no_time_passes_between_the_machine_s_clock_and_a_virtual_one() {
        let keepers = Keepers::default();
        let keeper = keepers.add("worker", 300, 1);
        keeper.hold([((job(1), 1), 1)]);
        assert!(!keepers.is_virtual());
        assert_eq!(keeper.renewable(Some(1_000_000)).len(), 1);
    }

    #[test]
    fn a_keeper_that_nobody_has_is_forgotten() {
        let keepers = keepers();
        let keeper = keepers.add("worker", 300, 1);
        assert_eq!(keepers.all().len(), 1);
        drop(keeper);
        assert!(keepers.all().is_empty());
    }
}
