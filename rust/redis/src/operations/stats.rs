//! Stats. They look first which queues there are.

use std::collections::BTreeMap;
use std::sync::Arc;

use asyncendpoints_core::answer::QueueCounts;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{score, time};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::KeySpace;
use crate::reply::{Reply, bytes, missing, number, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

const NAME: &str = "stats";

pub(super) static SCRIPT: Script = Script::new(
    NAME,
    Access::Reads,
    "shard (ready due)*",
    "now:time",
    compose!("stats": "keys" "words" "now"),
);

/// Looks which queues there are, then reads about them.
pub(crate) struct Stats {
    space: Arc<KeySpace>,
    now: Option<u64>,
    /// The queues with waiting jobs.
    queues: Option<Vec<Arc<str>>>,
}

impl Stats {
    pub(crate) const fn new(space: Arc<KeySpace>, now: Option<u64>) -> Self {
        Self {
            space,
            now,
            queues: None,
        }
    }

    fn ask(&self, queues: &[Arc<str>]) -> Call {
        let mut keys = self.space.shard_keys();
        self.space
            .queue_keys(queues.iter().map(AsRef::as_ref), &mut keys);
        Call::Script {
            script: &SCRIPT,
            keys,
            args: vec![time(self.now)],
        }
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let value = only(NAME, replies)?;
        let Some(queues) = self.queues.take() else {
            let queues = waiting(&counts(NAME, value)?);
            let call = self.ask(&queues);
            self.queues = Some(queues);
            return Ok(Step::Send(vec![call]));
        };
        let mut reply = Reply::array(NAME, value)?;
        let counts = counts(NAME, reply.value()?)?;
        let mut ages = reply.nested()?;
        let mut oldest_ready = Vec::new();
        for queue in queues {
            match ages.value()? {
                Value::Nil => {}
                age => oldest_ready.push((queue, number(NAME, &age)?)),
            }
        }
        let mut names = reply.nested()?;
        let mut paused: Vec<Arc<str>> = Vec::with_capacity(names.len());
        while names.len() > 0 {
            let name = String::from_utf8(names.bytes()?);
            paused.push(Arc::from(
                name.map_err(|_| missing(NAME, "queue that is paused"))?,
            ));
        }
        // The server has them in no order.
        paused.sort_unstable();
        Ok(Step::Done(Answer::Stats {
            counts,
            oldest_ready,
            paused,
        }))
    }
}

impl Conversation for Stats {
    fn begin(&mut self) -> Step {
        Step::Send(vec![Call::command(&[b"HGETALL", &self.space.key("stat")])])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}

/// The queues with scheduled or queued jobs, by name.
fn waiting(counts: &[QueueCounts]) -> Vec<Arc<str>> {
    let is_waited_in = |counts: &&QueueCounts| {
        counts.counts[State::Scheduled as usize] + counts.counts[State::Queued as usize] > 0
    };
    let waited_in = counts.iter().filter(is_waited_in);
    waited_in.map(|counts| Arc::clone(&counts.queue)).collect()
}

/// The counts from the hash `stat`, by the queue's name.
pub(super) fn counts(operation: &'static str, value: Value) -> Result<Vec<QueueCounts>, Failure> {
    let mut queues: BTreeMap<Arc<str>, [usize; State::COUNT]> = BTreeMap::new();
    for (field, count) in pairs(operation, value)? {
        let field = bytes(operation, field)?;
        let strange = || missing(operation, "state and queue that are counted");
        let (code, queue) = field.split_first().ok_or_else(strange)?;
        let queue = std::str::from_utf8(queue).map_err(|_| strange())?;
        let counts = queues.entry(Arc::from(queue)).or_default();
        let place = counts.get_mut(usize::from(*code)).ok_or_else(strange)?;
        let count = score(operation, &bytes(operation, count)?)?;
        *place = usize::try_from(count).unwrap_or(usize::MAX);
    }
    let counts = queues.into_iter();
    Ok(counts
        .map(|(queue, counts)| QueueCounts { queue, counts })
        .collect())
}

/// The fields and values of a hash, in whichever form the protocol has brought them.
pub(super) fn pairs(operation: &'static str, value: Value) -> Result<Vec<(Value, Value)>, Failure> {
    if let Value::Map(pairs) = value {
        return Ok(pairs);
    }
    let mut reply = Reply::array(operation, value)?;
    let mut pairs = Vec::with_capacity(reply.len() / 2);
    while let Some(field) = reply.take() {
        pairs.push((field, reply.value()?));
    }
    Ok(pairs)
}
