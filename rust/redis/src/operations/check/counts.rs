//! The counters, with what there is to count.

use std::sync::Arc;

use asyncendpoints_core::answer::QueueCounts;
use asyncendpoints_core::state::State;
use redis::Value;

use super::NAME;
use crate::call::Call;
use crate::conversation::Failure;
use crate::keys::KeySpace;
use crate::operations::parts::time;
use crate::operations::stats::counts;
use crate::reply::Reply;
use crate::script::{Access, Script, compose};

pub(in crate::operations) static SCRIPT: Script = Script::new(
    "check_counts",
    Access::Reads,
    "shard (ready due)*",
    "now:time",
    compose!("check_counts": "keys" "words"),
);

pub(super) fn call(space: &KeySpace, queues: &[Arc<str>], now: Option<u64>) -> Call {
    let mut keys = space.shard_keys();
    space.queue_keys(queues.iter().map(AsRef::as_ref), &mut keys);
    Call::Script {
        script: &SCRIPT,
        keys,
        args: vec![time(now)],
    }
}

/// The jobs of a state over all queues.
fn total(counts: &[QueueCounts], states: impl Fn(State) -> bool) -> u64 {
    let of = |counts: &QueueCounts| -> usize {
        let states = State::ALL.iter().filter(|state| states(**state));
        states.map(|state| counts.counts[*state as usize]).sum()
    };
    counts.iter().map(of).sum::<usize>() as u64
}

pub(super) fn judge(queues: &[Arc<str>], value: Value) -> Result<Vec<String>, Failure> {
    let mut found = Reply::array(NAME, value)?;
    let counted = counts(NAME, found.value()?)?;
    let mut findings = Vec::new();
    let sums = [
        ("jobs", total(&counted, |_| true)),
        (
            "running jobs",
            total(&counted, |state| state == State::InProgress),
        ),
        ("ended jobs", total(&counted, State::is_terminal)),
        (
            "failed jobs",
            total(&counted, |state| state == State::Failed),
        ),
    ];
    for (what, sum) in sums {
        let number = found.number()?;
        if number != sum {
            findings.push(format!("{sum} {what} are counted, and there are {number}"));
        }
    }
    let (chunks, known) = (found.number()?, found.number()?);
    if chunks != known {
        findings.push(format!(
            "the listing has {chunks} chunks, and {known} are known"
        ));
    }
    let mut waiting = found.nested()?;
    for queue in queues {
        let counts = counted.iter().find(|counts| counts.queue == *queue);
        for state in [State::Queued, State::Scheduled] {
            let number = waiting.number()?;
            let sum = counts.map_or(0, |counts| counts.counts[state as usize] as u64);
            if number != sum {
                findings.push(format!(
                    "{sum} {state} jobs of queue {queue} are counted, and there are {number}"
                ));
            }
        }
    }
    Ok(findings)
}
