//! A job's id is a `UUIDv7` in canonical form, and nothing else is.

use asyncendpoints_core::ids::{JobId, JobIds};
use proptest::prelude::*;

#[test]
fn the_example_of_the_standard_is_read_and_written() {
    // RFC 9562, appendix A.6.
    let text = "017f22e2-79b0-7cc3-98c4-dc0c0c07398f";
    let id = JobId::parse(text);
    assert_eq!(id.map(|id| id.to_string()).as_deref(), Some(text));
    assert_eq!(id.map(JobId::made_at), Some(1_645_557_742_000));
}

#[test]
fn other_forms_are_refused() {
    let refused = [
        "",
        "017F22E2-79B0-7CC3-98C4-DC0C0C07398F",
        "017f22e279b07cc398c4dc0c0c07398f",
        "{017f22e2-79b0-7cc3-98c4-dc0c0c07398f}",
        "017f22e2-79b0-4cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-c8c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398g",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398",
        "017f22e2-79b0-7cc3-98c4-dc0c0c07398f ",
        "017f22e2079b0-7cc3-98c4-dc0c0c07398f",
        "017f22e-279b0-7cc3-98c4-dc0c0c07398f",
        "017f22e2-79b0-7cc3-98c4-dc0c0c0739é",
    ];
    for text in refused {
        assert_eq!(JobId::parse(text), None, "{text:?}");
    }
}

#[test]
fn an_id_pads_like_any_text() {
    let id = JobId::new(0, [0; 10]);
    assert_eq!(
        format!("{id:>38}"),
        "  00000000-0000-7000-8000-000000000000"
    );
    assert_eq!(format!("{id:?}"), id.to_string());
}

#[test]
fn ids_of_the_same_millisecond_sort_in_the_order_of_their_making() {
    let ids = JobIds::new();
    let made: Vec<_> = (0..2_000_u32)
        .map(|n| {
            let mut random = [0xFF; 10];
            random[..4].copy_from_slice(&n.wrapping_mul(2_654_435_769).to_le_bytes());
            ids.make(7, random)
        })
        .collect();
    assert!(made.is_sorted());
    assert!(
        made.iter()
            .all(|id| JobId::parse(&id.to_string()) == Some(*id))
    );
}

#[test]
fn more_ids_than_a_millisecond_counts_still_differ() {
    let ids = JobIds::new();
    let mut made: Vec<_> = (0..10_000_u64)
        .map(|n| {
            let mut random = [0; 10];
            random[2..].copy_from_slice(&n.to_be_bytes());
            ids.make(7, random)
        })
        .collect();
    made.sort_unstable();
    made.dedup();
    assert_eq!(made.len(), 10_000);
}

proptest! {
    #[test]
    fn an_id_of_another_millisecond_keeps_its_time_and_its_randomness(
        times in proptest::collection::vec(0..1_u64 << 48, 2..10), random: [u8; 10],
    ) {
        let ids = JobIds::new();
        for time in times {
            let (made, alone) = (ids.make(time, random), JobId::new(time, random));
            prop_assert_eq!(made.made_at(), time);
            prop_assert_eq!(made.bits() & u128::from(u64::MAX), alone.bits() & u128::from(u64::MAX));
        }
    }

    #[test]
    fn a_new_id_is_read_back(now_ms in 0..1_u64 << 48, random: [u8; 10]) {
        let id = JobId::new(now_ms, random);
        prop_assert_eq!(JobId::parse(&id.to_string()), Some(id));
        prop_assert_eq!(JobId::from_bits(id.bits()), Some(id));
        prop_assert_eq!(id.made_at(), now_ms);
    }

    #[test]
    fn a_later_id_sorts_after_an_earlier_one(
        earlier in 0..1_u64 << 47, by in 1..1_u64 << 47, one: [u8; 10], other: [u8; 10],
    ) {
        let (earlier, later) = (JobId::new(earlier, one), JobId::new(earlier + by, other));
        prop_assert!(earlier < later);
        prop_assert!(earlier.to_string() < later.to_string());
    }

    #[test]
    fn whatever_is_read_is_written_the_same(text in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}") {
        let id = JobId::parse(&text);
        prop_assert_eq!(id.is_some(), text[14..].starts_with('7') && "89ab".contains(&text[19..20]));
        prop_assert!(id.is_none_or(|id| id.to_string() == text));
    }

    #[test]
    fn no_text_is_too_strange_to_be_refused(text: String) {
        prop_assert_eq!(JobId::parse(&text), None);
    }
}
