//! The steps of a walk: one random operation each, drawn from what the walk has seen.

use std::sync::Arc;

use asyncendpoints_core::answer::{Claim, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, decide};
use asyncendpoints_core::ids::{JobId, JobIds};
use asyncendpoints_core::job::{Body, Idempotency, NewJob, ResultBody, Retention};
use asyncendpoints_core::retry::Backoff;
use asyncendpoints_redis::request::Operation;

pub(crate) const QUEUES: [&str; 3] = ["a", "b", "c"];
const HOUR_MS: u64 = 3_600_000;

/// Numbers that only their seed decides (`SplitMix64`).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// One of `0..sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.next() % sides
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.roll(times) == 0
    }

    /// One of these; the last ones are as likely as all others together, for most of the old ones have ended.
    fn recent<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let from = if self.once_in(2) {
            of.len().saturating_sub(8)
        } else {
            0
        };
        self.pick(&of[from..])
    }

    pub(crate) fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() {
            return None;
        }
        let at = usize::try_from(self.roll(of.len() as u64)).expect("an index");
        of.get(at)
    }
}

/// What the walk has seen: every id there ever was, and every run. Old ones are tried again.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) made: JobIds,
    pub(crate) ids: Vec<JobId>,
    pub(crate) runs: Vec<Claim>,
    /// A settlement that may be repeated.
    pub(crate) settled: Vec<Settlement>,
}

/// The next operation, or `None` where this one has nothing to act upon yet.
pub(crate) fn step(dice: &mut Dice, seen: &mut Seen, now: u64) -> Option<Operation> {
    Some(match dice.roll(40) {
        0..=8 => enqueue(dice, seen, now),
        9..=14 => Operation::Claim {
            worker: Arc::from(format!("worker-{}", dice.roll(3))),
            claim_id: Arc::from(format!("claim-{}", dice.roll(6))),
            queues: (0..=dice.roll(3)).map(|_| queue(dice)).collect(),
            limit: usize::try_from(dice.roll(5)).expect("a small number"),
            lease_ms: 15_000,
        },
        15 => Operation::ReleaseClaim {
            claim_id: Arc::from(format!("claim-{}", dice.roll(6))),
        },
        16..=17 => renew(dice, seen),
        18..=24 => settle(dice, seen)?,
        25 => Operation::Expired { limit: 1_000 },
        26..=27 => Operation::Cancel(id(dice, seen)?),
        28 => Operation::RunNow(id(dice, seen)?),
        29 => Operation::Strip { limit: 1_000 },
        30 => Operation::Prune { limit: 1_000 },
        31 => Operation::Delete(id(dice, seen)?),
        32..=33 => {
            let run = dice.recent(&seen.runs)?;
            Operation::Progress {
                id: run.id,
                fence: run.fence,
                body: body(dice),
            }
        }
        34..=35 => {
            let run = dice.recent(&seen.runs)?;
            Operation::Reserve {
                id: run.id,
                fence: run.fence,
                key: text("key", dice.roll(3)),
                nonce: text("nonce", dice.roll(3)),
                takeover: dice.once_in(4),
            }
        }
        36..=37 => {
            let run = dice.recent(&seen.runs)?;
            Operation::Record {
                id: run.id,
                fence: run.fence,
                key: text("key", dice.roll(3)),
                nonce: text("nonce", dice.roll(3)),
                value: if dice.once_in(3) {
                    None
                } else {
                    Some(body(dice))
                },
            }
        }
        38 => Operation::Pause {
            queue: queue(dice),
            paused: dice.once_in(2),
        },
        _ => {
            let earlier = dice.recent(&seen.settled)?.clone();
            Operation::Settle(vec![earlier])
        }
    })
}

fn enqueue(dice: &mut Dice, seen: &mut Seen, now: u64) -> Operation {
    let jobs = (0..=dice.roll(3))
        .map(|_| new_job(dice, seen, now))
        .collect();
    Operation::Enqueue {
        jobs,
        max_queued: if dice.once_in(4) {
            Some(dice.roll(12))
        } else {
            None
        },
    }
}

fn new_job(dice: &mut Dice, seen: &mut Seen, now: u64) -> NewJob {
    let repeated = dice.once_in(20).then(|| dice.recent(&seen.ids)).flatten();
    let id = repeated.copied().unwrap_or_else(|| {
        let mut random = [0; 10];
        random[2..].copy_from_slice(&dice.roll(u64::MAX).to_be_bytes());
        seen.made.make(now, random)
    });
    let repeats = dice
        .once_in(6)
        .then(|| dice.recent(&seen.ids))
        .flatten()
        .copied();
    seen.ids.push(id);
    NewJob {
        id,
        handler: text("handler", dice.roll(2)),
        queue: queue(dice),
        priority: if dice.once_in(3) {
            i8::try_from(dice.roll(201).cast_signed() - 100).expect("a priority")
        } else {
            0
        },
        delay_ms: if dice.once_in(4) {
            dice.roll(20_000)
        } else {
            0
        },
        max_attempts: u8::try_from(1 + dice.roll(4)).expect("a small number"),
        timeout_ms: HOUR_MS,
        retention: Retention {
            completed_ms: dice.roll(4) * 20_000,
            failed_ms: dice.roll(4) * 30_000,
        },
        idempotency: dice.once_in(3).then(|| {
            Box::new(Idempotency {
                scope: format!("scope-{}", dice.roll(2)).into(),
                key: text("key", dice.roll(30)),
                fingerprint: [u8::from(dice.once_in(5)); 32],
            })
        }),
        owner: dice.once_in(2).then(|| text("owner", dice.roll(3))),
        request: dice.once_in(2).then(|| body(dice)),
        payload: (!dice.once_in(4)).then(|| body(dice)),
        redrive_of: repeats,
        origin: repeats,
    }
}

fn renew(dice: &mut Dice, seen: &Seen) -> Operation {
    let leases = (0..=dice.roll(3))
        .filter_map(|_| dice.recent(&seen.runs))
        .map(|run| (run.id, run.fence))
        .collect();
    Operation::Renew {
        leases,
        lease_ms: 1_000 + dice.roll(20_000),
    }
}

fn settle(dice: &mut Dice, seen: &mut Seen) -> Option<Operation> {
    let number = 1 + dice.roll(3);
    let mut settlements: Vec<Settlement> = Vec::new();
    for _ in 0..number {
        let run = dice.recent(&seen.runs)?.clone();
        let settlement = settlement(dice, &run);
        seen.settled.push(settlement.clone());
        settlements.push(settlement);
    }
    Some(Operation::Settle(settlements))
}

fn settlement(dice: &mut Dice, run: &Claim) -> Settlement {
    const EVENTS: [RunEvent; 9] = [
        RunEvent::Returned,
        RunEvent::Returned,
        RunEvent::Returned,
        RunEvent::Raised,
        RunEvent::RaisedFinal,
        RunEvent::TimedOut,
        RunEvent::Lost,
        RunEvent::Released,
        RunEvent::Stopped,
    ];
    let event = *dice.pick(&EVENTS).expect("there are events");
    let backoff = Backoff::Fixed {
        delay_ms: dice.roll(3) * 5_000,
    };
    let verdict = |cancel_requested| {
        let facts = Facts::running(run.attempt, run.max_attempts, cancel_requested);
        decide(facts, event, &backoff, 0).expect("the run is going on")
    };
    Settlement {
        id: run.id,
        fence: run.fence,
        queue: (!dice.once_in(4)).then(|| Arc::clone(&run.queue)),
        verdict: verdict(false),
        verdict_if_canceled: verdict(true),
        nonce: dice.roll(1 << 40),
        only_expired: dice.once_in(8),
        result: dice.once_in(2).then(|| ResultBody {
            body: (!dice.once_in(4)).then(|| body(dice)),
            meta: dice.once_in(3).then(|| body(dice)),
        }),
        error: dice.once_in(2).then(|| body(dice)),
    }
}

fn id(dice: &mut Dice, seen: &Seen) -> Option<JobId> {
    dice.recent(&seen.ids).copied()
}

fn queue(dice: &mut Dice) -> Arc<str> {
    Arc::from(*dice.pick(&QUEUES).expect("there are queues"))
}

fn text(word: &str, number: u64) -> Arc<str> {
    Arc::from(format!("{word}-{number}"))
}

/// Mostly small, sometimes empty, sometimes too large to stay in the record.
fn body(dice: &mut Dice) -> Body {
    let length = match dice.roll(8) {
        0 => 0,
        1 => 1_000 + dice.roll(100),
        2 => 5_000,
        _ => dice.roll(100),
    };
    (0..length).map(|at| (at % 251) as u8).collect()
}

/// The end of a run whose worker is gone.
pub(crate) fn lost(run: &Claim) -> Settlement {
    let verdict = |cancel_requested| {
        let facts = Facts::running(run.attempt, run.max_attempts, cancel_requested);
        decide(facts, RunEvent::Lost, &Backoff::default(), 0).expect("the run is going on")
    };
    Settlement {
        id: run.id,
        fence: run.fence,
        queue: None,
        verdict: verdict(false),
        verdict_if_canceled: verdict(true),
        nonce: 0,
        only_expired: true,
        result: None,
        error: None,
    }
}
