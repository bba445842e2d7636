//! Counters say what happened, each thing once, and there is a bounded number of them.

use asyncendpoints_core::answer::Settled;
use asyncendpoints_core::decide::RunEvent;
use asyncendpoints_core::meters::{
    BOUNDS_MS, BUCKETS, Histogram, MOST_PAIRS, Meters, OTHERS, Submitted, Tally, UNKNOWN, Whose,
    bucket_of,
};
use asyncendpoints_core::state::{Outcome, State};
use proptest::prelude::*;

const REPORTS: Whose<'static> = Whose {
    handler: "report",
    queue: "slow",
};

fn meters() -> Meters {
    let mut meters = Meters::default();
    meters.know("report");
    meters.know("email");
    meters
}

fn only(meters: &Meters) -> &Tally {
    let [tally] = meters.tallies() else {
        panic!("there is one pair of endpoint and queue");
    };
    tally
}

#[test]
fn bounds_grow_by_the_root_of_two_and_every_second_one_is_a_power_of_two() {
    assert_eq!(BOUNDS_MS.len(), BUCKETS - 1);
    let powers = BOUNDS_MS.iter().step_by(2);
    assert!(powers.enumerate().all(|(power, bound)| {
        let exact = 2_f64.powi(i32::try_from(power).expect("a few"));
        bound.to_bits() == exact.to_bits()
    }));
    for pair in BOUNDS_MS.windows(2) {
        let [lower, upper] = pair else { continue };
        assert!((upper / lower - 2_f64.sqrt()).abs() < 1e-9);
    }
}

proptest! {
    #[test]
    fn a_duration_lies_in_the_first_bucket_whose_bound_is_not_below_it(duration in 0.0..1e8_f64) {
        let bucket = bucket_of(duration);
        prop_assert!(bucket == BUCKETS - 1 || duration <= BOUNDS_MS[bucket]);
        prop_assert!(bucket == 0 || duration > BOUNDS_MS[bucket - 1]);
    }
}

#[test]
fn a_bound_itself_lies_below_it_and_what_no_clock_measures_is_as_good_as_nothing() {
    let mut histogram = Histogram::default();
    for duration in [1.0, 2.0, 0.0, -5.0, f64::NAN, f64::INFINITY] {
        histogram.observe(duration);
    }
    let counts = histogram.counts();
    assert_eq!((counts[0], counts[2], counts[BUCKETS - 1]), (4, 1, 1));
    assert_eq!(histogram.total_us(), u64::MAX);
}

#[test]
fn the_sum_is_that_of_all_durations() {
    let mut histogram = Histogram::default();
    histogram.observe(1.5);
    histogram.observe(250.25);
    assert_eq!(histogram.total_us(), 251_750);
}

#[test]
fn a_jobs_way_is_counted_step_by_step() {
    let mut meters = meters();
    meters.submitted(REPORTS, Submitted::Created);
    meters.submitted(REPORTS, Submitted::Replayed);
    meters.started(REPORTS, 1_000, 1_250);
    meters.ended(
        REPORTS,
        RunEvent::Raised,
        Settled::To(State::Scheduled),
        Some(40.0),
    );
    meters.started(REPORTS, 2_000, 2_000);
    meters.ended(
        REPORTS,
        RunEvent::Returned,
        Settled::To(State::Completed),
        Some(90.0),
    );
    let tally = only(&meters);
    assert_eq!((&*tally.endpoint, &*tally.queue), ("report", "slow"));
    assert_eq!(tally.submitted, [1, 1, 0]);
    assert_eq!(tally.attempts[Outcome::Error as usize], 1);
    assert_eq!(tally.attempts[Outcome::Completed as usize], 1);
    assert_eq!(tally.ended.iter().sum::<u64>(), 1);
    assert_eq!(tally.ended[State::Completed as usize], 1);
    assert_eq!(tally.waited.total_us(), 250_000);
    assert_eq!(tally.ran.total_us(), 130_000);
    assert_eq!(meters.changes(), 6);
}

#[test]
fn a_run_that_had_lost_its_lease_is_no_attempt_of_its_process_but_of_the_one_that_rescued_it() {
    let mut meters = meters();
    meters.ended(REPORTS, RunEvent::Returned, Settled::Stale, Some(1.0));
    assert_eq!((meters.leases_lost(), meters.tallies().len()), (1, 0));
    meters.rescued(REPORTS, Settled::To(State::Failed));
    meters.rescued(REPORTS, Settled::Stale);
    let tally = only(&meters);
    assert_eq!(tally.attempts[Outcome::Lost as usize], 1);
    assert_eq!(tally.ended[State::Failed as usize], 1);
    assert_eq!(meters.leases_lost(), 1);
}

#[test]
fn what_raises_after_a_cancel_is_a_canceled_attempt() {
    let mut meters = meters();
    meters.ended(
        REPORTS,
        RunEvent::Raised,
        Settled::To(State::Canceled),
        None,
    );
    meters.ended_waiting(REPORTS, State::Canceled);
    let tally = only(&meters);
    assert_eq!(tally.attempts[Outcome::Canceled as usize], 1);
    assert_eq!(tally.attempts.iter().sum::<u64>(), 1);
    assert_eq!(tally.ended[State::Canceled as usize], 2);
}

#[test]
fn handlers_that_nobody_knows_share_one_name_until_somebody_does() {
    let mut meters = meters();
    for handler in ["a", "b", "later"] {
        meters.submitted(
            Whose {
                handler,
                queue: "q",
            },
            Submitted::Refused,
        );
    }
    let tally = only(&meters);
    assert_eq!((&*tally.endpoint, tally.submitted), (UNKNOWN, [0, 0, 3]));
    meters.know("later");
    let later = Whose {
        handler: "later",
        queue: "q",
    };
    meters.submitted(later, Submitted::Created);
    assert_eq!(meters.tallies()[1].submitted, [1, 0, 0]);
}

#[test]
fn queues_that_somebody_invents_share_one_name_in_the_end() {
    let mut meters = meters();
    for number in 0..3 * MOST_PAIRS {
        let queue = format!("tenant-{number}");
        for handler in ["report", "email", "nobody's"] {
            meters.submitted(
                Whose {
                    handler,
                    queue: &queue,
                },
                Submitted::Created,
            );
        }
    }
    assert!(meters.tallies().len() <= MOST_PAIRS + 3);
    let total: u64 = meters
        .tallies()
        .iter()
        .map(|tally| tally.submitted[0])
        .sum();
    assert_eq!(total, 9 * MOST_PAIRS as u64);
    assert!(meters.tallies().iter().any(|tally| &*tally.queue == OTHERS));
}
