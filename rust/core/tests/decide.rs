//! What the end of a run makes of its job: every verdict is a row of the table, and attempts are bounded.

use asyncendpoints_core::decide::{Facts, RunEvent, Verdict, decide};
use asyncendpoints_core::error::InvalidVerdict;
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_core::state::{Outcome, State, TABLE};
use proptest::prelude::*;

const SECOND: Backoff = Backoff::Fixed { delay_ms: 1_000 };
const AT_ONCE: Backoff = Backoff::Fixed { delay_ms: 0 };

/// State, outcome, delay, charged.
fn parts(facts: Facts, event: RunEvent, backoff: &Backoff) -> Option<(State, Outcome, u64, bool)> {
    let verdict = decide(facts, event, backoff, 0).ok()?;
    Some((
        verdict.to_state(),
        verdict.outcome(),
        verdict.delay_ms(),
        verdict.charged(),
    ))
}

#[test]
fn with_attempts_left() {
    let facts = Facts::running(1, 3, false);
    let cases = [
        (
            RunEvent::Returned,
            (State::Completed, Outcome::Completed, 0, true),
        ),
        (
            RunEvent::Raised,
            (State::Scheduled, Outcome::Error, 1_000, true),
        ),
        (
            RunEvent::RaisedFinal,
            (State::Failed, Outcome::Error, 0, true),
        ),
        (
            RunEvent::TimedOut,
            (State::Scheduled, Outcome::Timeout, 1_000, true),
        ),
        (RunEvent::Lost, (State::Queued, Outcome::Lost, 0, true)),
        (
            RunEvent::Released,
            (State::Queued, Outcome::Released, 0, false),
        ),
        (
            RunEvent::Stopped,
            (State::Scheduled, Outcome::Error, 1_000, true),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(parts(facts, event, &SECOND), Some(expected), "{event}");
    }
}

#[test]
fn with_no_attempt_left() {
    let facts = Facts::running(3, 3, false);
    let cases = [
        (
            RunEvent::Returned,
            (State::Completed, Outcome::Completed, 0, true),
        ),
        (RunEvent::Raised, (State::Failed, Outcome::Error, 0, true)),
        (
            RunEvent::RaisedFinal,
            (State::Failed, Outcome::Error, 0, true),
        ),
        (
            RunEvent::TimedOut,
            (State::Failed, Outcome::Timeout, 0, true),
        ),
        (RunEvent::Lost, (State::Failed, Outcome::Lost, 0, true)),
        (
            RunEvent::Released,
            (State::Queued, Outcome::Released, 0, false),
        ),
        (RunEvent::Stopped, (State::Failed, Outcome::Error, 0, true)),
    ];
    for (event, expected) in cases {
        assert_eq!(parts(facts, event, &SECOND), Some(expected), "{event}");
    }
}

#[test]
fn with_cancellation_asked_for() {
    let facts = Facts::running(1, 3, true);
    let cases = [
        (
            RunEvent::Returned,
            (State::Completed, Outcome::Completed, 0, true),
        ),
        (
            RunEvent::Raised,
            (State::Canceled, Outcome::Canceled, 0, true),
        ),
        (
            RunEvent::RaisedFinal,
            (State::Canceled, Outcome::Canceled, 0, true),
        ),
        (
            RunEvent::TimedOut,
            (State::Canceled, Outcome::Timeout, 0, true),
        ),
        (RunEvent::Lost, (State::Canceled, Outcome::Lost, 0, true)),
        (
            RunEvent::Released,
            (State::Canceled, Outcome::Released, 0, false),
        ),
        (
            RunEvent::Stopped,
            (State::Canceled, Outcome::Canceled, 0, true),
        ),
    ];
    for (event, expected) in cases {
        assert_eq!(parts(facts, event, &SECOND), Some(expected), "{event}");
    }
}

#[test]
fn a_retry_without_delay_is_queued_at_once() {
    let facts = Facts::running(1, 3, false);
    assert_eq!(
        parts(facts, RunEvent::Raised, &AT_ONCE),
        Some((State::Queued, Outcome::Error, 0, true))
    );
}

#[test]
fn only_a_run_that_was_cut_short_keeps_its_place() {
    let facts = Facts::running(1, 3, false);
    let keeps = |event| decide(facts, event, &AT_ONCE, 0).is_ok_and(Verdict::keeps_place);
    let kept: Vec<_> = RunEvent::ALL
        .iter()
        .filter(|event| keeps(**event))
        .collect();
    assert_eq!(kept, [&RunEvent::Lost, &RunEvent::Released]);
}

#[test]
fn a_verdict_that_no_decision_comes_to_is_refused() {
    let cases = [
        (
            Verdict::new(State::InProgress, Outcome::Error, 0, true),
            InvalidVerdict::NotAnEnd(State::InProgress),
        ),
        (
            Verdict::new(State::Queued, Outcome::Error, 1, true),
            InvalidVerdict::DelayWithoutSchedule(State::Queued),
        ),
        (
            Verdict::new(State::Queued, Outcome::Released, 0, true),
            InvalidVerdict::WrongCharge,
        ),
        (
            Verdict::new(State::Queued, Outcome::Lost, 0, false),
            InvalidVerdict::WrongCharge,
        ),
        (
            Verdict::new(State::Completed, Outcome::Error, 0, true),
            InvalidVerdict::CompletedHalf,
        ),
        (
            Verdict::new(State::Failed, Outcome::Completed, 0, true),
            InvalidVerdict::CompletedHalf,
        ),
    ];
    for (verdict, expected) in cases {
        assert_eq!(verdict, Err(expected));
    }
}

#[test]
fn every_event_has_its_word() {
    assert!(
        RunEvent::ALL
            .iter()
            .all(|event| RunEvent::parse(event.as_str()) == Some(*event))
    );
}

fn any_state() -> impl Strategy<Value = State> {
    proptest::sample::select(State::ALL)
}

fn any_event() -> impl Strategy<Value = RunEvent> {
    proptest::sample::select(RunEvent::ALL)
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    proptest::collection::vec(prop_oneof![Just(0), any::<u64>()], 0..4)
        .prop_map(|delays| Backoff::Delays(delays.into()))
}

proptest! {
    #[test]
    fn a_verdict_is_a_row_of_the_table(
        attempt in 1..=100_u8, max_attempts in 1..=100_u8, cancel_requested: bool, event in any_event(),
        backoff in any_backoff(), seed: u64,
    ) {
        let verdict = decide(Facts::running(attempt, max_attempts, cancel_requested), event, &backoff, seed);
        let verdict = verdict.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let to = verdict.to_state();
        prop_assert!(to != State::InProgress);
        prop_assert!(TABLE.iter().any(|edge| edge.from == State::InProgress && edge.to == to));
        let rebuilt = Verdict::new(to, verdict.outcome(), verdict.delay_ms(), verdict.charged());
        prop_assert_eq!(rebuilt, Ok(verdict));
    }

    #[test]
    fn no_run_ends_in_a_job_that_is_not_in_progress(
        state in any_state(), attempt: u8, max_attempts: u8, cancel_requested: bool, event in any_event(), seed: u64,
    ) {
        let facts = Facts { state, attempt, max_attempts, cancel_requested };
        let verdict = decide(facts, event, &Backoff::default(), seed);
        prop_assert_eq!(verdict.is_ok(), state == State::InProgress);
    }

    /// SET-2, and the end of every job: claims and verdicts alternate until it has ended.
    #[test]
    fn attempts_never_exceed_their_bound(
        max_attempts in 1..=10_u8, events in proptest::collection::vec((any_event(), any::<bool>()), 1..60), seed: u64,
    ) {
        let (mut state, mut attempt) = (State::Queued, 0);
        for (event, cancel_requested) in events {
            if state.is_terminal() {
                break;
            }
            attempt += 1;
            prop_assert!(attempt <= max_attempts);
            let facts = Facts::running(attempt, max_attempts, cancel_requested);
            let verdict = decide(facts, event, &Backoff::default(), seed);
            let verdict = verdict.map_err(|error| TestCaseError::fail(error.to_string()))?;
            state = verdict.to_state();
            attempt -= u8::from(!verdict.charged());
            prop_assert!(!cancel_requested || state.is_terminal(), "a canceled job is never retried");
        }
    }
}
