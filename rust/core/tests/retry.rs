//! Delays are what the policy says, never overflow, and depend on nothing but their arguments.

use asyncendpoints_core::retry::Backoff;
use proptest::prelude::*;

fn exponential(jitter: bool) -> Backoff {
    Backoff::Exponential {
        base_ms: 1_000,
        factor: 2.0,
        maximum_ms: 300_000,
        jitter,
    }
}

#[test]
fn a_fixed_delay_is_the_same_after_every_attempt() {
    let backoff = Backoff::Fixed { delay_ms: 250 };
    assert!((0..200).all(|attempt| backoff.delay_ms(attempt, 7) == 250));
}

#[test]
fn an_exponential_delay_doubles_up_to_its_cap() {
    let delays: Vec<_> = (1..=11)
        .map(|attempt| exponential(false).delay_ms(attempt, 0))
        .collect();
    let expected = [
        1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
    ];
    assert_eq!(delays, expected);
}

#[test]
fn a_list_of_delays_repeats_its_last() {
    let backoff = Backoff::Delays(Box::new([1, 10, 60]));
    let delays: Vec<_> = (1..=5)
        .map(|attempt| backoff.delay_ms(attempt, 0))
        .collect();
    assert_eq!(delays, [1, 10, 60, 60, 60]);
}

#[test]
fn an_empty_list_does_not_wait() {
    assert_eq!(Backoff::Delays(Box::new([])).delay_ms(1, 0), 0);
}

#[test]
fn the_default_is_exponential_with_jitter() {
    assert_eq!(Backoff::default(), exponential(true));
}

#[test]
fn jitter_is_reproducible_for_ever() {
    let delays: Vec<_> = (0..4)
        .map(|seed| exponential(true).delay_ms(4, seed))
        .collect();
    assert_eq!(delays, JITTERED);
}

/// Computed once; other values would break the promise that a seed gives the same delay in every version.
const JITTERED: [u64; 4] = [5_011, 5_804, 3_875, 2_502];

#[test]
fn full_jitter_spreads_evenly_over_the_whole_delay() {
    let mut tenths = [0_u32; 10];
    for seed in 0..10_000 {
        let delay = exponential(true).delay_ms(4, seed);
        tenths[usize::try_from(delay * 10 / 8_001).unwrap_or(usize::MAX)] += 1;
    }
    assert!(
        tenths.iter().all(|count| (900..1_100).contains(count)),
        "{tenths:?}"
    );
}

fn any_backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        any::<u64>().prop_map(|delay_ms| Backoff::Fixed { delay_ms }),
        (any::<u64>(), any::<f64>(), any::<u64>(), any::<bool>()).prop_map(
            |(base_ms, factor, maximum_ms, jitter)| {
                Backoff::Exponential {
                    base_ms,
                    factor,
                    maximum_ms,
                    jitter,
                }
            }
        ),
        proptest::collection::vec(any::<u64>(), 0..5)
            .prop_map(|delays| Backoff::Delays(delays.into())),
    ]
}

proptest! {
    #[test]
    fn the_same_arguments_give_the_same_delay(backoff in any_backoff(), attempt: u32, seed: u64) {
        prop_assert_eq!(backoff.delay_ms(attempt, seed), backoff.clone().delay_ms(attempt, seed));
    }

    #[test]
    fn no_exponential_delay_is_above_its_maximum(
        base_ms: u64, factor: f64, maximum_ms: u64, jitter: bool, attempt: u32, seed: u64,
    ) {
        let backoff = Backoff::Exponential { base_ms, factor, maximum_ms, jitter };
        prop_assert!(backoff.delay_ms(attempt, seed) <= maximum_ms);
    }

    #[test]
    fn jitter_only_shortens(base_ms in 0..1_000_000_u64, factor in 1.0..10.0, attempt in 0..200_u32, seed: u64) {
        let with = |jitter| Backoff::Exponential { base_ms, factor, maximum_ms: 300_000, jitter };
        prop_assert!(with(true).delay_ms(attempt, seed) <= with(false).delay_ms(attempt, seed));
    }

    #[test]
    fn without_jitter_no_delay_is_shorter_than_the_one_before(
        base_ms in 0..1_000_000_u64, factor in 1.0..10.0, attempt in 1..200_u32,
    ) {
        let backoff = Backoff::Exponential { base_ms, factor, maximum_ms: u64::MAX, jitter: false };
        prop_assert!(backoff.delay_ms(attempt, 0) <= backoff.delay_ms(attempt + 1, 0));
    }
}
