//! Submitting, keys, and what is kept for how long.
use std::sync::Arc;

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::job::ResultBody;
use asyncendpoints_core::memory::{Enqueued, Footprint, Reservation, Settled};
use asyncendpoints_core::state::State;

use super::subject::{DAY_MS, HOUR_MS, Subject, body, ending, id, keyed, new_job, scoped};

#[test]
fn sub_3_an_enqueue_repeated_with_its_id_answers_as_the_first() {
    let mut on = Subject::new();
    let first = on.submit();
    let repeated = on.store.enqueue(vec![new_job(1)], Some(0), on.now);
    assert_eq!(repeated, [Enqueued::Created(first)]);
}

#[test]
fn idm_1_and_2_a_key_finds_its_job_or_is_refused() {
    let mut on = Subject::new();
    let job = on.submit_with(|job| keyed(job, "k", 1));
    assert_eq!(
        on.try_submit(None, |job| keyed(job, "k", 1)),
        Enqueued::Replayed(job.clone())
    );
    assert_eq!(
        on.try_submit(None, |job| keyed(job, "k", 2)),
        Enqueued::KeyReused
    );
    let other = on.try_submit(None, |job| scoped(job, "other", "k", 1));
    assert!(matches!(other, Enqueued::Created(_)));
    on.submit_with(|job| scoped(job, "a", "bc", 1));
    // Where the scope ends and the key begins is part of both.
    on.submit_with(|job| scoped(job, "ab", "c", 2));
}

#[test]
fn idm_4_a_keyed_job_is_stripped_at_its_expiry_and_kept_for_a_day() {
    let mut on = Subject::new();
    on.submit_with(|job| keyed(job, "k", 1));
    let claim = on.take();
    let mut settlement = ending(&claim, RunEvent::Returned, 1);
    settlement.result = Some(ResultBody {
        body: Some(body("42")),
        meta: None,
    });
    on.settle(settlement);
    on.now += HOUR_MS - 1;
    assert_eq!(
        (on.store.strip(10, on.now), on.store.prune(10, on.now)),
        (0, 0)
    );
    on.now += 1;
    assert_eq!(
        (on.store.strip(10, on.now), on.store.prune(10, on.now)),
        (1, 0)
    );
    let job = on.get(claim.id);
    assert!(job.stripped && job.payload.is_none() && job.request.is_none() && job.result.is_none());
    assert_eq!(
        on.try_submit(None, |job| keyed(job, "k", 1)),
        Enqueued::Replayed(job)
    );
    on.now += DAY_MS - HOUR_MS - 1;
    assert_eq!(on.store.prune(10, on.now), 0);
    on.now += 1;
    assert_eq!(on.store.prune(10, on.now), 1);
    assert!(matches!(
        on.try_submit(None, |job| keyed(job, "k", 2)),
        Enqueued::Created(_)
    ));
    on.audit();
}

#[test]
fn idm_4_an_unkeyed_job_goes_with_its_result() {
    let mut on = Subject::new();
    let claim = on.start();
    on.end(&claim, RunEvent::Returned);
    assert_eq!(on.get(claim.id).expires_at, Some(on.now + HOUR_MS));
    on.now += HOUR_MS;
    assert_eq!(
        (on.store.strip(10, on.now), on.store.prune(10, on.now)),
        (0, 1)
    );
    assert_eq!(on.store.get(claim.id), None);
}

#[test]
fn eff_1_an_effect_is_reserved_once_and_its_value_is_kept_for_redrives() {
    let mut on = Subject::new();
    let claim = on.start();
    let reserve = |on: &mut Subject, nonce, takeover| {
        on.store
            .reserve(claim.id, claim.fence, "mail", nonce, takeover, on.now)
    };
    assert_eq!(reserve(&mut on, "a", false), Reservation::Reserved);
    assert_eq!(
        reserve(&mut on, "a", false),
        Reservation::Reserved,
        "the same write repeated (SUB-3)"
    );
    assert_eq!(reserve(&mut on, "b", false), Reservation::Uncertain);
    assert_eq!(reserve(&mut on, "b", true), Reservation::Reserved);
    let record = |on: &mut Subject, nonce, value| {
        on.store
            .record(claim.id, claim.fence, "mail", nonce, value, on.now)
    };
    assert!(!record(&mut on, "a", Some(body("1"))), "it was taken over");
    assert!(record(&mut on, "b", None), "given back");
    assert_eq!(reserve(&mut on, "c", false), Reservation::Reserved);
    assert!(record(&mut on, "c", Some(body("1"))));
    assert!(record(&mut on, "c", Some(body("1"))));
    assert!(
        !record(&mut on, "c", None),
        "what has happened is not given back"
    );
    on.end(&claim, RunEvent::RaisedFinal);
    on.submit_with(|job| (job.redrive_of, job.origin) = (Some(claim.id), Some(claim.id)));
    assert!(on.store.delete(claim.id));
    let redriven = on.take();
    let again = on
        .store
        .reserve(redriven.id, redriven.fence, "mail", "d", false, on.now);
    assert_eq!(again, Reservation::Recorded(body("1")));
    on.end(&redriven, RunEvent::Returned);
    assert!(on.store.delete(redriven.id));
    assert_eq!(on.store.footprint(), Footprint::default());
}

#[test]
fn rtn_1_the_last_twenty_released_runs_are_kept_and_all_others() {
    let mut on = Subject::new();
    on.submit();
    let lost = on.take();
    on.end(&lost, RunEvent::Lost);
    for _ in 0..25 {
        let claim = on.take();
        on.end(&claim, RunEvent::Released);
    }
    let numbers: Vec<_> = on.get(lost.id).runs.iter().map(|run| run.number).collect();
    assert_eq!(numbers, [1].into_iter().chain(7..=26).collect::<Vec<_>>());
    on.audit();
}

#[test]
fn rtn_1_only_a_job_that_has_ended_is_deleted() {
    let mut on = Subject::new();
    let claim = on.start();
    assert!(!on.store.delete(claim.id));
    on.end(&claim, RunEvent::Returned);
    assert!(on.store.delete(claim.id));
    assert!(!on.store.delete(claim.id));
    assert_eq!(on.store.footprint(), Footprint::default());
}

#[test]
fn rtn_1_prune_and_strip_do_no_more_than_they_are_asked_to() {
    let mut on = Subject::new();
    for n in 0..10 {
        on.submit_with(|job| keyed(job, &n.to_string(), 1));
        on.store.cancel(id(n + 1), on.now);
    }
    on.now += 3 * HOUR_MS;
    assert_eq!(
        [
            on.store.strip(6, on.now),
            on.store.strip(6, on.now),
            on.store.strip(6, on.now)
        ],
        [6, 4, 0]
    );
    on.now += DAY_MS;
    assert_eq!(
        [
            on.store.prune(6, on.now),
            on.store.prune(6, on.now),
            on.store.prune(6, on.now)
        ],
        [6, 4, 0]
    );
    assert_eq!(on.store.footprint(), Footprint::default());
}

#[test]
fn max_queued_bounds_waiting_jobs_but_no_replay_and_no_retry() {
    let mut on = Subject::new();
    on.submit_with(|job| keyed(job, "k", 1));
    on.submit_with(|job| job.delay_ms = 1_000);
    assert_eq!(on.try_submit(Some(2), |_| {}), Enqueued::QueueFull);
    assert!(matches!(
        on.try_submit(Some(2), |job| keyed(job, "k", 1)),
        Enqueued::Replayed(_)
    ));
    assert!(matches!(
        on.try_submit(Some(2), |job| job.queue = Arc::from("other")),
        Enqueued::Created(_)
    ));
    let claim = on.take();
    assert!(matches!(
        on.try_submit(Some(2), |_| {}),
        Enqueued::Created(_)
    ));
    assert_eq!(
        on.end(&claim, RunEvent::Raised),
        Settled::To(State::Scheduled)
    );
    on.audit();
}
