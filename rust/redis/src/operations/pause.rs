//! Pause: stop or resume claims from a queue, which need not hold jobs.

use std::sync::Arc;

use redis::Value;

use super::parts::time;
use crate::call::Call;
use crate::conversation::{Conversation, Step};
use crate::keys::KeySpace;
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "pause",
    Access::Works,
    "shard ready due",
    "now:time queue:name paused:flag",
    compose!("pause": "keys" "words" "wake"),
);

/// Marks a queue as paused, or takes the mark away.
pub(crate) struct Pause {
    space: Arc<KeySpace>,
    queue: Arc<str>,
    paused: bool,
    now: Option<u64>,
}

impl Pause {
    pub(crate) const fn new(
        space: Arc<KeySpace>,
        queue: Arc<str>,
        paused: bool,
        now: Option<u64>,
    ) -> Self {
        Self {
            space,
            queue,
            paused,
            now,
        }
    }
}

impl Conversation for Pause {
    fn begin(&mut self) -> Step {
        let mut keys = self.space.shard_keys();
        self.space.queue_keys([&*self.queue], &mut keys);
        let flag = if self.paused { b"1" } else { b"0" };
        Step::Send(vec![Call::Script {
            script: &SCRIPT,
            keys,
            args: vec![
                time(self.now),
                self.queue.as_bytes().to_vec(),
                flag.to_vec(),
            ],
        }])
    }

    fn resume(&mut self, _replies: Vec<Value>) -> Step {
        Step::Done(Answer::Done)
    }
}
