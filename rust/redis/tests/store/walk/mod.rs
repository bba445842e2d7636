//! The Redis store answers as the memory store does: the same random steps at the same times, on both.

mod memory;
mod steps;

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::env;

use asyncendpoints_core::answer::{Claims, Page, Settled};
use asyncendpoints_core::job::Job;
use asyncendpoints_core::memory::MemoryStore;
use asyncendpoints_core::state::State;
use asyncendpoints_redis::keys::id_bytes;
use asyncendpoints_redis::request::{Answer, Filter, Operation};
use redis::Value;

use crate::server::{Server, Subscription};
use steps::{Dice, Seen, step};

const DAY_MS: u64 = 24 * 3_600_000;
const BEGIN: u64 = 1_800_000_000_000;
const STEPS: u64 = 1_500;
/// After how many steps everything that can be asked is compared.
const COMPARED: u64 = 20;

struct Walk {
    memory: MemoryStore,
    redis: Server,
    published: Subscription,
    dice: Dice,
    seen: Seen,
    now: u64,
    taken: Vec<String>,
}

impl Walk {
    fn new(seed: u64) -> Self {
        let redis = Server::start();
        Self {
            memory: MemoryStore::new(),
            published: redis.subscribe(b"*"),
            redis,
            dice: Dice::new(seed),
            seen: Seen::default(),
            now: BEGIN,
            taken: Vec::new(),
        }
    }

    fn take(&mut self) {
        self.now += match self.dice.roll(10) {
            0..=4 => 0,
            5..=7 => self.dice.roll(1_000),
            8 => self.dice.roll(10_000),
            _ if self.dice.once_in(10) => self.dice.roll(2 * DAY_MS),
            _ => self.dice.roll(60_000),
        };
        let Some(operation) = step(&mut self.dice, &mut self.seen, self.now) else {
            return;
        };
        self.taken.push(format!("{} {operation:?}", self.now));
        let answer = self.both(&operation);
        self.hear();
        if let Answer::Claims(Claims { claims, .. }) = answer {
            self.seen.runs.extend(claims);
        }
    }

    /// Ask both, and see that they agree.
    fn both(&mut self, operation: &Operation) -> Answer {
        let expected = memory::answer(&mut self.memory, operation.clone(), self.now)
            .expect("an operation that every store knows");
        let answer = self.redis.ask(operation.clone(), self.now);
        assert_eq!(
            in_order(answer.clone()),
            in_order(expected),
            "{operation:?} at {}; after {}",
            self.now,
            self.history()
        );
        answer
    }

    /// Both have told the same workers of the same things.
    fn hear(&mut self) {
        let wakes = self.memory.take_wakes();
        let space = self.redis.space();
        let ready = wakes
            .ready_queues
            .iter()
            .map(|queue| (space.ready_channel(queue), queue.as_bytes().to_vec()));
        let cancels = wakes.cancels.iter().map(|notice| {
            let run = [
                &id_bytes(notice.id)[..],
                notice.fence.to_string().as_bytes(),
            ]
            .concat();
            (space.worker_channel(&notice.worker), run)
        });
        let mut expected: Vec<_> = ready.chain(cancels).collect();
        let mut published = self.published.messages();
        expected.sort_unstable();
        published.sort_unstable();
        let words = |messages: &[(Vec<u8>, Vec<u8>)]| -> Vec<String> {
            let word = |(channel, message): &(Vec<u8>, Vec<u8>)| {
                format!("{} {}", channel.escape_ascii(), message.escape_ascii())
            };
            messages.iter().map(word).collect()
        };
        assert_eq!(
            words(&published),
            words(&expected),
            "told, after {}",
            self.history()
        );
    }

    /// The steps that concern the jobs of the last one, newest last.
    fn history(&self) -> String {
        let newest = self.taken.iter().rev().take(60);
        let mut lines: Vec<_> = newest
            .map(|line| line.chars().take(400).collect::<String>())
            .collect();
        lines.reverse();
        format!("{} steps:\n{}", self.taken.len(), lines.join("\n"))
    }

    fn compare(&mut self) {
        let ids: BTreeSet<_> = self.seen.ids.iter().rev().take(200).copied().collect();
        for id in ids {
            self.both(&Operation::Get(id));
        }
        self.both(&Operation::Stats);
        for state in [None, Some(State::Failed), Some(State::Queued)] {
            for owner in [None, Some("owner-1")] {
                let (expected, listed) = (
                    self.listed(state, owner, true),
                    self.listed(state, owner, false),
                );
                assert_eq!(
                    listed,
                    expected,
                    "listed {state:?} {owner:?}; after {}",
                    self.history()
                );
            }
        }
    }

    /// All pages of seven.
    fn listed(&mut self, state: Option<State>, owner: Option<&str>, in_memory: bool) -> Vec<Job> {
        let (mut jobs, mut cursor) = (Vec::new(), None);
        loop {
            let operation = Operation::List {
                filter: Filter {
                    state,
                    owner: owner.map(Into::into),
                    ..Filter::default()
                },
                cursor,
                limit: 7,
            };
            let answer = if in_memory {
                memory::answer(&mut self.memory, operation, self.now).expect("a page")
            } else {
                self.redis.ask(operation, self.now)
            };
            let Answer::Page(Page {
                jobs: page,
                cursor: next,
            }) = answer
            else {
                panic!("a listing is answered with {answer:?}");
            };
            assert!(page.len() <= 7);
            jobs.extend(page);
            cursor = next;
            if cursor.is_none() {
                break;
            }
        }
        assert!(
            jobs.is_sorted_by_key(|job: &Job| Reverse(job.created_at)),
            "newest first"
        );
        // Jobs of the same time are in the order of their chunks first.
        jobs.sort_by_key(|job| Reverse((job.created_at, job.id)));
        jobs
    }

    /// What the store says of itself when its records are compared with its indexes.
    fn check(&mut self) {
        let mut cursor = None;
        loop {
            let answer = self
                .redis
                .ask(Operation::Check { cursor, limit: 50 }, self.now);
            let Answer::Findings {
                findings,
                cursor: next,
            } = answer
            else {
                panic!("a check is answered with {answer:?}");
            };
            assert_eq!(findings, Vec::<String>::new(), "after {}", self.history());
            match next {
                Some(next) => cursor = Some(next),
                None => return,
            }
        }
    }

    /// Bring every job to its end, wait for all retention to pass, and see that nothing is left.
    fn end(mut self) {
        for id in self.seen.ids.clone() {
            self.both(&Operation::Cancel(id));
        }
        self.now += 400 * DAY_MS;
        let Answer::Expired(runs) = self.both(&Operation::Expired { limit: 10_000 }) else {
            panic!("no answer");
        };
        for run in runs {
            let claim = self
                .seen
                .runs
                .iter()
                .find(|claim| (claim.id, claim.fence) == (run.id, run.fence));
            let claim = claim.expect("a run that was claimed").clone();
            let settlement = steps::lost(&claim);
            let answer = self.both(&Operation::Settle(vec![settlement]));
            assert_eq!(answer, Answer::Settled(vec![Settled::To(State::Canceled)]));
        }
        self.now += 400 * DAY_MS;
        self.both(&Operation::Strip { limit: 100_000 });
        while self.both(&Operation::Prune { limit: 1_000 }) != Answer::Count(0) {}
        for queue in steps::QUEUES {
            self.both(&Operation::Pause {
                queue: queue.into(),
                paused: false,
            });
        }
        self.compare();
        let left = self.redis.command(&[b"KEYS", b"*"]);
        let kept = self.redis.space().key("ctl");
        assert_eq!(
            left,
            Value::Array(vec![Value::BulkString(kept)]),
            "after {}",
            self.history()
        );
    }
}

/// Runs whose leases passed at the same time are in no order.
fn in_order(mut answer: Answer) -> Answer {
    if let Answer::Expired(runs) = &mut answer {
        runs.sort_by_key(|run| run.id);
    }
    answer
}

#[test]
fn the_redis_store_answers_as_the_memory_store_does() {
    let number = |name: &str, default: u64| {
        env::var(name).map_or(default, |value| value.parse().expect(name))
    };
    let (first, walks) = (number("WALK_SEED", 1), number("WALKS", 2));
    let steps = number("WALK_STEPS", STEPS);
    for seed in first..first + walks {
        println!("WALK_SEED={seed}");
        let mut walk = Walk::new(seed);
        for taken in 0..steps {
            walk.take();
            if taken % COMPARED == 0 {
                walk.compare();
            }
            if taken % (5 * COMPARED) == 0 {
                walk.check();
            }
        }
        walk.compare();
        walk.check();
        walk.end();
    }
}
