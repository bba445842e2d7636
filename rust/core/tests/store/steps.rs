//! What may happen in a random walk, and how likely it is.

use asyncendpoints_core::decide::RunEvent;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::subject::{DAY_MS, HOUR_MS, LEASE_MS};

#[derive(Clone, Debug)]
pub(crate) struct Enqueue {
    pub(crate) queue: Index,
    pub(crate) priority: i8,
    pub(crate) delay_ms: u64,
    pub(crate) key: Option<(u8, u8)>,
    pub(crate) owner: Option<u8>,
    pub(crate) redrive: Option<Index>,
    pub(crate) max_queued: Option<usize>,
}

#[derive(Clone, Debug)]
pub(crate) enum Step {
    Enqueue(Enqueue),
    EnqueueAgain(Index),
    Claim(Vec<Index>, usize, u8),
    ReleaseClaim(u8),
    /// With one of the runs that there ever were.
    Act(Index, Act),
    Cancel(Index),
    RunNow(Index),
    Promote,
    Strip,
    Prune,
    Delete(Index),
    Pause(Index, bool),
    Clock(i64),
}

/// What a worker does with a run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
    Renew(u64),
    Settle {
        event: RunEvent,
        nonce: u64,
        delay_ms: u64,
        only_expired: bool,
    },
    Progress,
    Reserve {
        key: u8,
        nonce: u8,
        takeover: bool,
    },
    Record {
        key: u8,
        nonce: u8,
        value: Option<u8>,
    },
}

fn enqueue() -> impl Strategy<Value = Enqueue> {
    let parts = (
        any::<Index>(),
        -2..3_i8,
        prop_oneof![3 => Just(0), 1 => 1..5_000_u64],
        proptest::option::weighted(0.4, (0..4_u8, 0..2_u8)),
        proptest::option::of(0..2_u8),
        proptest::option::weighted(0.2, any::<Index>()),
        proptest::option::weighted(0.2, 0..6_usize),
    );
    parts.prop_map(
        |(queue, priority, delay_ms, key, owner, redrive, max_queued)| Enqueue {
            queue,
            priority,
            delay_ms,
            key,
            owner,
            redrive,
            max_queued,
        },
    )
}

fn act() -> impl Strategy<Value = Act> {
    let delay_ms = prop_oneof![Just(0), 1..5_000_u64];
    let settle = (select(RunEvent::ALL), 0..3_u64, delay_ms, any::<bool>());
    prop_oneof![
        2 => (0..2 * LEASE_MS).prop_map(Act::Renew),
        6 => settle.prop_map(|(event, nonce, delay_ms, only_expired)| {
            Act::Settle { event, nonce, delay_ms, only_expired }
        }),
        1 => Just(Act::Progress),
        2 => (0..2_u8, 0..2_u8, any::<bool>())
            .prop_map(|(key, nonce, takeover)| Act::Reserve { key, nonce, takeover }),
        2 => (0..2_u8, 0..2_u8, proptest::option::of(any::<u8>()))
            .prop_map(|(key, nonce, value)| Act::Record { key, nonce, value }),
    ]
}

fn clock() -> impl Strategy<Value = i64> {
    let far = [0, LEASE_MS + 1, HOUR_MS, DAY_MS].map(u64::cast_signed);
    prop_oneof![select(far.to_vec()), 1..2_000_i64, -2_000..0_i64]
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let index = any::<Index>;
    prop_oneof![
        6 => enqueue().prop_map(Step::Enqueue),
        1 => index().prop_map(Step::EnqueueAgain),
        6 => (proptest::collection::vec(index(), 1..4), 0..5_usize, 0..4_u8)
            .prop_map(|(queues, limit, claim_id)| Step::Claim(queues, limit, claim_id)),
        1 => (0..4_u8).prop_map(Step::ReleaseClaim),
        13 => (index(), act()).prop_map(|(run, act)| Step::Act(run, act)),
        2 => index().prop_map(Step::Cancel),
        1 => index().prop_map(Step::RunNow),
        1 => Just(Step::Promote),
        1 => Just(Step::Strip),
        1 => Just(Step::Prune),
        1 => index().prop_map(Step::Delete),
        1 => (index(), any::<bool>()).prop_map(|(queue, paused)| Step::Pause(queue, paused)),
        4 => clock().prop_map(Step::Clock),
    ]
}
