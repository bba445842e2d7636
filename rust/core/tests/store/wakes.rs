//! Who waits is woken when there is something new, and not before.

use std::sync::Arc;

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::memory::CancelNotice;

use super::subject::{DAY_MS, Subject, ending, id};

impl Subject {
    /// The queues that are woken, since this was asked last.
    fn woken(&mut self) -> Vec<Arc<str>> {
        self.store.take_wakes().ready_queues
    }

    /// Claim in vain, so that the queue's next job wakes.
    fn wait(&mut self) {
        assert_eq!(self.claim(1), []);
        assert!(!self.store.has_wakes());
    }
}

#[test]
fn a_queue_that_nobody_waits_for_wakes_nobody() {
    let mut on = Subject::new();
    on.submit();
    assert!(!on.store.has_wakes());
    on.claim(1);
    on.submit();
    assert!(
        !on.store.has_wakes(),
        "a claim that got all it asked for will come again by itself"
    );
}

#[test]
fn one_wake_comes_for_many_jobs() {
    let mut on = Subject::new();
    on.wait();
    on.submit();
    on.submit();
    assert!(on.store.has_wakes());
    assert_eq!(on.woken(), [Arc::from("default")]);
    on.submit();
    assert!(!on.store.has_wakes());
}

#[test]
fn everything_that_makes_a_job_claimable_wakes() {
    let mut on = Subject::new();
    let claim = on.start();
    on.wait();
    on.end(&claim, RunEvent::Released);
    assert_eq!(on.woken().len(), 1, "a release");

    let claim = on.take();
    on.wait();
    on.end(&claim, RunEvent::Lost);
    assert_eq!(on.woken().len(), 1, "a rescue");

    on.take();
    on.wait();
    on.store.release_claim("claim", on.now);
    assert_eq!(on.woken().len(), 1, "a claim given back");

    on.take();
    let later = on.submit_with(|job| job.delay_ms = DAY_MS);
    on.wait();
    on.store.run_now(later.id, on.now);
    assert_eq!(on.woken().len(), 1, "run now");
}

#[test]
fn what_is_due_earlier_than_was_told_wakes() {
    let mut on = Subject::new();
    on.submit_with(|job| job.delay_ms = 1_000);
    on.wait();
    on.submit_with(|job| job.delay_ms = 2_000);
    assert!(!on.store.has_wakes());
    on.submit_with(|job| job.delay_ms = 500);
    assert_eq!(on.woken().len(), 1);
}

#[test]
fn a_paused_queue_wakes_when_it_is_resumed() {
    let mut on = Subject::new();
    on.store.pause("default", true);
    on.wait();
    on.submit();
    assert!(!on.store.has_wakes());
    on.store.pause("default", false);
    assert_eq!(on.woken().len(), 1);
}

#[test]
fn a_claim_that_leaves_due_jobs_behind_wakes_who_waited() {
    let mut on = Subject::new();
    on.submit_with(|job| job.delay_ms = 10);
    on.submit_with(|job| job.delay_ms = 10);
    on.wait();
    on.now += 10;
    assert_eq!(on.claim(1).len(), 1);
    assert_eq!(on.woken().len(), 1);
}

#[test]
fn a_sweep_that_promotes_wakes() {
    let mut on = Subject::new();
    on.submit_with(|job| job.delay_ms = 10);
    on.wait();
    on.now += 10;
    on.store.promote(10, on.now);
    assert_eq!(on.woken().len(), 1);
}

#[test]
fn a_claim_of_several_queues_waits_for_all_of_them() {
    let mut on = Subject::new();
    assert_eq!(on.claim_as("claim", &["a", "b"], 1).claims, []);
    on.submit_with(|job| job.queue = Arc::from("b"));
    assert_eq!(on.woken(), [Arc::from("b")]);
    on.submit_with(|job| job.queue = Arc::from("a"));
    assert_eq!(on.woken(), [Arc::from("a")]);
}

#[test]
fn a_watched_job_tells_of_its_changes_until_nobody_watches() {
    let mut on = Subject::new();
    let job = on.submit();
    on.store.watch(job.id);
    on.store.watch(job.id);
    let claim = on.take();
    on.store
        .progress(claim.id, claim.fence, super::subject::body("p"), on.now);
    assert_eq!(
        on.store.take_wakes().changed,
        [job.id],
        "two changes are one wake"
    );
    on.store.renew(&[(claim.id, claim.fence)], 1, on.now);
    assert_eq!(
        on.store.take_wakes().changed,
        [],
        "a renewal is no change (SET-5)"
    );
    on.store.unwatch(job.id);
    on.settle(ending(&claim, RunEvent::Returned, 1));
    assert_eq!(on.store.take_wakes().changed, [job.id]);
    on.store.delete(job.id);
    assert_eq!(
        on.store.take_wakes().changed,
        [job.id],
        "who waits hears that it is gone"
    );
    on.store.unwatch(job.id);
    on.store.unwatch(job.id);
    assert_eq!(on.store.footprint().watched, 0);
}

#[test]
fn a_job_may_be_watched_before_it_is_there() {
    let mut on = Subject::new();
    on.store.watch(id(1));
    on.submit();
    assert_eq!(on.store.take_wakes().changed, [id(1)]);
}

#[test]
fn can_2_the_worker_of_a_running_job_is_told_of_a_cancel_once() {
    let mut on = Subject::new();
    let claim = on.start();
    on.store.cancel(claim.id, on.now);
    on.store.cancel(claim.id, on.now);
    let notice = CancelNotice {
        worker: Arc::from("worker-1"),
        id: claim.id,
        fence: claim.fence,
    };
    assert_eq!(on.store.take_wakes().cancels, [notice]);
}
