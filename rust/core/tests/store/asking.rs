//! What users ask: cancel, pause, run now, lists.
use std::sync::Arc;

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::memory::{Cancellation, JobFilter, Renewal, Settled};
use asyncendpoints_core::state::State;

use super::subject::{DAY_MS, HOUR_MS, Subject, id};

#[test]
fn can_1_a_canceled_job_never_changes_again() {
    let mut on = Subject::new();
    let job = on.submit();
    let Cancellation::Canceled(canceled) = on.store.cancel(job.id, on.now) else {
        panic!("it was queued")
    };
    assert_eq!(canceled.state, State::Canceled);
    assert_eq!(on.claim(1), []);
    assert_eq!(on.store.run_now(job.id, on.now), Some(canceled.clone()));
    assert_eq!(
        on.store.cancel(job.id, on.now + 1),
        Cancellation::Already(canceled)
    );
    assert_eq!(on.store.cancel(id(99), on.now), Cancellation::Missing);
}

#[test]
fn can_2_a_running_job_is_told_at_every_renewal_and_aborts_unless_it_returns() {
    let mut on = Subject::new();
    let (one, other) = (on.start(), on.start());
    for claim in [&one, &other] {
        assert!(matches!(
            on.store.cancel(claim.id, on.now),
            Cancellation::Requested(_)
        ));
        assert_eq!(
            on.store.renew(&[(claim.id, claim.fence)], 1, on.now),
            [Renewal::CancelRequested]
        );
    }
    let version = on.get(one.id).version;
    on.store.cancel(one.id, on.now + 1);
    assert_eq!(on.get(one.id).version, version, "the first request stands");
    assert_eq!(on.end(&one, RunEvent::Raised), Settled::To(State::Canceled));
    assert_eq!(
        on.end(&other, RunEvent::Returned),
        Settled::To(State::Completed)
    );
    assert!(matches!(
        on.store.cancel(other.id, on.now),
        Cancellation::Refused(_)
    ));
}

#[test]
fn can_1_a_job_deep_in_a_queue_is_canceled_without_a_trace() {
    let mut on = Subject::new();
    let jobs: Vec<_> = (0..1_000).map(|_| on.submit()).collect();
    for job in jobs.iter().skip(1).step_by(2) {
        on.store.cancel(job.id, on.now);
    }
    on.now += 400 * DAY_MS;
    assert_eq!(on.store.prune(1_000, on.now), 500);
    on.audit();
    assert_eq!(on.claim(1_000).len(), 500);
}

#[test]
fn a_paused_queue_gives_nothing_but_takes_jobs() {
    let mut on = Subject::new();
    on.store.pause("default", true);
    let job = on.submit();
    assert_eq!(on.claim(1), []);
    assert_eq!(on.store.paused(), [Arc::from("default")]);
    on.store.pause("default", false);
    assert_eq!(on.take().id, job.id);
    assert_eq!(on.store.paused(), []);
}

#[test]
fn run_now_makes_a_scheduled_job_queued() {
    let mut on = Subject::new();
    let job = on.submit_with(|job| job.delay_ms = HOUR_MS);
    on.now += 5;
    let queued = on
        .store
        .run_now(job.id, on.now)
        .map(|job| (job.state, job.version, job.due_at));
    assert_eq!(queued, Some((State::Queued, 2, None)));
    assert_eq!(on.take().ready_at, on.now);
    assert_eq!(on.store.run_now(id(99), on.now), None);
}

#[test]
fn the_oldest_of_every_priority_and_of_what_is_due_is_found() {
    let mut on = Subject::new();
    let oldest = on.now;
    on.submit_with(|job| job.priority = -100);
    on.now += 1;
    on.submit_with(|job| job.priority = 100);
    on.submit_with(|job| (job.queue, job.delay_ms) = (Arc::from("late"), 10));
    assert_eq!(
        on.store.oldest_ready(on.now),
        [(Arc::from("default"), oldest)]
    );
    on.now += 10;
    assert_eq!(
        on.store.oldest_ready(on.now)[1],
        (Arc::from("late"), on.now)
    );
}

#[test]
fn a_page_is_bounded_work_and_carries_on_where_it_stopped() {
    let mut on = Subject::new();
    let wanted = on.submit_with(|job| job.owner = Some(Arc::from("ada")));
    on.now += 1;
    for _ in 0..2_500 {
        on.submit();
    }
    let filter = JobFilter {
        owner: Some("ada"),
        ..JobFilter::default()
    };
    let (mut cursor, mut pages, mut found) = (None, 0, Vec::new());
    loop {
        let page = on.store.list(&filter, cursor.as_deref(), 10);
        found.extend(page.jobs);
        pages += 1;
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!((found, pages), (vec![wanted], 3));
    let nobody = JobFilter {
        owner: Some("nobody"),
        ..JobFilter::default()
    };
    assert_eq!(
        on.store.list(&nobody, None, 10).cursor,
        None,
        "an unknown name needs no walk"
    );
    assert_eq!(
        on.store
            .list(&JobFilter::default(), Some("nonsense"), 1)
            .jobs
            .len(),
        1
    );
}

#[test]
fn lst_2_a_listing_begins_and_ends_at_a_time_without_passing_what_lies_outside() {
    let mut on = Subject::new();
    let mut jobs = Vec::new();
    for number in 0..4_000 {
        let job = on.submit_with(|job| job.owner = Some(Arc::from("ada")));
        if (2_000..2_003).contains(&number) {
            jobs.insert(0, job);
        }
        on.now += 1;
    }
    let (oldest, newest) = (jobs[2].created_at, jobs[0].created_at);
    let filter = JobFilter {
        owner: Some("ada"),
        created_since: Some(oldest),
        created_before: Some(newest + 1),
        ..JobFilter::default()
    };
    let page = on.store.list(&filter, None, 3);
    assert_eq!((page.jobs, page.cursor), (jobs.clone(), None));
    let first = on.store.list(&filter, None, 1);
    assert_eq!(first.jobs, jobs[..1]);
    let rest = on.store.list(&filter, first.cursor.as_deref(), 10);
    assert_eq!((rest.jobs, rest.cursor), (jobs[1..].to_vec(), None));
    let of_another_listing = on.store.list(&JobFilter::default(), None, 1).cursor;
    let page = on.store.list(&filter, of_another_listing.as_deref(), 3);
    assert_eq!(
        page.jobs, jobs,
        "a cursor among what is newer passes nothing over"
    );
}
