//! Claims, leases, and how runs end.
use std::sync::Arc;

use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::job::ResultBody;
use asyncendpoints_core::memory::{Renewal, Reservation, Settled};
use asyncendpoints_core::state::{Outcome, State};

use super::subject::{LEASE_MS, Subject, body, ending, ending_after, id};

#[test]
fn sub_3_a_settle_repeated_with_its_nonce_answers_as_the_first() {
    let mut on = Subject::new();
    let claim = on.start();
    assert_eq!(
        on.settle(ending(&claim, RunEvent::Raised, 7)),
        Settled::To(State::Scheduled)
    );
    let job = on.get(claim.id);
    assert_eq!(
        on.settle(ending(&claim, RunEvent::Raised, 7)),
        Settled::To(State::Scheduled)
    );
    assert_eq!(
        on.settle(ending(&claim, RunEvent::Raised, 8)),
        Settled::Stale
    );
    assert_eq!(on.get(claim.id), job);
}

#[test]
fn sub_3_a_settle_without_a_nonce_is_never_taken_for_another() {
    let mut on = Subject::new();
    let claim = on.start();
    assert_eq!(
        on.settle(ending(&claim, RunEvent::Returned, 0)),
        Settled::To(State::Completed)
    );
    assert_eq!(
        on.settle(ending(&claim, RunEvent::Returned, 0)),
        Settled::Stale
    );
}

#[test]
fn sub_3_a_claim_whose_answer_was_lost_is_released_as_a_whole() {
    let mut on = Subject::new();
    for _ in 0..3 {
        on.submit();
    }
    let claims = on.claim_as("lost", &["default"], 3).claims;
    on.end(&claims[0], RunEvent::Returned);
    assert_eq!(on.store.release_claim("lost", on.now), 2);
    assert_eq!(on.store.release_claim("lost", on.now), 0);
    let job = on.get(claims[1].id);
    assert_eq!((job.state, job.attempt, job.fence), (State::Queued, 0, 1));
    on.audit();
}

#[test]
fn clm_2_higher_priority_comes_first_then_the_older_then_the_lower_id() {
    let mut on = Subject::new();
    let low = on.submit_with(|job| job.priority = -100);
    let (one, other) = (on.submit(), on.submit());
    on.now += 1;
    let younger = on.submit();
    let high = on.submit_with(|job| job.priority = 100);
    let order: Vec<_> = on.claim(10).into_iter().map(|claim| claim.id).collect();
    assert_eq!(
        order,
        [
            high.id,
            one.id.min(other.id),
            one.id.max(other.id),
            younger.id,
            low.id
        ]
    );
}

#[test]
fn clm_2_several_queues_are_claimed_from_as_one() {
    let mut on = Subject::new();
    let mut expected = Vec::new();
    for n in 0..6 {
        expected.push(
            on.submit_with(|job| job.queue = Arc::from(["a", "b", "c"][n % 3]))
                .id,
        );
        on.now += 1;
    }
    on.store.pause("c", true);
    expected.retain(|id| *on.get(*id).queue != *"c");
    let claims = on.claim_as("claim", &["c", "b", "a", "b"], 10).claims;
    assert_eq!(
        claims.iter().map(|claim| claim.id).collect::<Vec<_>>(),
        expected
    );
}

#[test]
fn clm_2_a_release_and_a_rescue_keep_the_place() {
    let mut on = Subject::new();
    let first = on.start();
    on.now += 1;
    let second = on.submit();
    on.end(&first, RunEvent::Released);
    let again = on.take();
    assert_eq!((again.id, again.ready_at), (first.id, first.ready_at));
    on.end(&again, RunEvent::Lost);
    assert_eq!(on.take().id, first.id);
    assert_eq!(on.take().id, second.id);
}

#[test]
fn clm_2_a_retry_without_delay_goes_behind() {
    let mut on = Subject::new();
    let first = on.start();
    on.now += 1;
    let second = on.submit();
    on.now += 1;
    on.settle(ending_after(&first, RunEvent::Raised, 1, 0));
    assert_eq!(on.take().id, second.id);
    assert_eq!(on.take().ready_at, on.now);
}

#[test]
fn clm_3_a_job_is_not_claimed_before_its_time() {
    let mut on = Subject::new();
    let job = on.submit_with(|job| job.delay_ms = 500);
    assert_eq!(
        (job.state, job.scheduled_at, job.due_at),
        (State::Scheduled, Some(on.now + 500), Some(on.now + 500))
    );
    on.now += 499;
    let claims = on.claim_as("claim", &["default"], 1);
    assert_eq!((claims.claims.len(), claims.next_due_ms), (0, Some(1)));
    on.now += 1;
    let claim = on.take();
    assert_eq!(claim.ready_at, on.now);
    let job = on.get(claim.id);
    assert_eq!(
        (job.version, job.due_at, job.scheduled_at),
        (3, None, Some(on.now))
    );
}

#[test]
fn clm_6_a_claim_promotes_a_thousand_and_says_that_more_are_due() {
    let mut on = Subject::new();
    for delay_ms in 1..=1_001 {
        on.submit_with(|job| job.delay_ms = delay_ms);
    }
    on.now += 2_000;
    let claims = on.claim_as("claim", &["default"], 0);
    assert_eq!((claims.claims.len(), claims.next_due_ms), (0, Some(0)));
    assert_eq!(on.store.counts()[0].counts[..2], [1, 1_000]);
    assert_eq!(
        on.get(id(1_001)).state,
        State::Scheduled,
        "the earliest come first"
    );
    assert_eq!(on.store.promote(10, on.now), 1);
}

#[test]
fn lse_2_a_stale_run_changes_nothing_and_is_told_so() {
    let mut on = Subject::new();
    let stale = on.start();
    on.end(&stale, RunEvent::Released);
    let current = on.take();
    assert_eq!(current.fence, stale.fence + 1);
    let job = on.get(current.id);
    assert_eq!(
        on.store.renew(&[(stale.id, stale.fence)], LEASE_MS, on.now),
        [Renewal::Stale]
    );
    assert_eq!(
        on.settle(ending(&stale, RunEvent::Returned, 5)),
        Settled::Stale
    );
    assert!(!on.store.progress(stale.id, stale.fence, body("p"), on.now));
    assert_eq!(
        on.store
            .reserve(stale.id, stale.fence, "k", "n", false, on.now),
        Reservation::Stale
    );
    assert!(
        !on.store
            .record(stale.id, stale.fence, "k", "n", None, on.now)
    );
    assert_eq!(on.get(current.id), job);
}

#[test]
fn lse_5_a_lease_that_is_past_is_held_until_a_rescue() {
    let mut on = Subject::new();
    let claim = on.start();
    on.now += LEASE_MS;
    assert_eq!(on.store.expired(10, on.now), []);
    assert_eq!(on.store.next_due(), Some(on.now + 1));
    on.now += 1;
    assert_eq!(on.store.expired(10, on.now).len(), 1);
    let mut rescue = ending(&claim, RunEvent::Lost, 2);
    rescue.only_expired = true;
    assert_eq!(
        on.store.renew(&[(claim.id, claim.fence)], LEASE_MS, on.now),
        [Renewal::Renewed]
    );
    assert_eq!(
        on.settle(rescue.clone()),
        Settled::Stale,
        "a renewal in between wins"
    );
    on.now += LEASE_MS + 1;
    assert_eq!(on.settle(rescue), Settled::To(State::Queued));
    assert_eq!(on.end(&claim, RunEvent::Returned), Settled::Stale);
}

#[test]
fn set_4_state_run_and_result_are_written_together() {
    let mut on = Subject::new();
    let claim = on.start();
    on.now += 5;
    let mut settlement = ending(&claim, RunEvent::Returned, 1);
    settlement.result = Some(ResultBody {
        body: Some(body("42")),
        meta: None,
    });
    on.settle(settlement.clone());
    let job = on.get(claim.id);
    assert_eq!(
        (job.state, job.result, job.error),
        (State::Completed, settlement.result, None)
    );
    assert_eq!((job.finished_at, job.lease_until), (Some(on.now), None));
    assert_eq!(job.runs[0].outcome, Some(Outcome::Completed));
    assert_eq!(
        (job.runs[0].finished_at, &*job.runs[0].worker),
        (Some(on.now), "worker-1")
    );
}

#[test]
fn set_4_an_error_stays_with_its_run_and_with_the_job_that_it_failed() {
    let mut on = Subject::new();
    let claim = on.start();
    let mut settlement = ending_after(&claim, RunEvent::Raised, 1, 0);
    settlement.error = Some(body("first"));
    on.settle(settlement);
    let retried = on.get(claim.id);
    assert_eq!(
        (retried.error, retried.runs[0].error.clone()),
        (None, Some(body("first")))
    );
    let claim = on.take();
    let mut settlement = ending(&claim, RunEvent::RaisedFinal, 1);
    settlement.error = Some(body("second"));
    on.settle(settlement);
    let failed = on.get(claim.id);
    assert_eq!(
        (failed.state, failed.error, failed.runs.len()),
        (State::Failed, Some(body("second")), 2)
    );
}

#[test]
fn set_5_a_renewal_changes_no_version() {
    let mut on = Subject::new();
    let claim = on.start();
    let before = on.get(claim.id);
    on.now += 5;
    on.store.renew(&[(claim.id, claim.fence)], LEASE_MS, on.now);
    let after = on.get(claim.id);
    assert_eq!(
        (after.version, after.updated_at),
        (before.version, before.updated_at)
    );
    assert_eq!(after.lease_until, Some(on.now + LEASE_MS));
}

#[test]
fn times_at_the_end_of_time_do_not_overflow() {
    let mut on = Subject::new();
    on.now = u64::MAX;
    let claim = on.start();
    on.end(&claim, RunEvent::Raised);
    assert_eq!(on.claim(1).len(), 1);
    on.store.prune(1, on.now);
    on.audit();
}
