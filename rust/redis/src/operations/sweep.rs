//! Strip, prune and delete: how jobs go (RTN-1).
//!
//! The keys of bodies and idempotency keys follow from what is found, so each looks first; its script then takes only
//! what is still as it was found, and what a crash leaves in between is found again.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use redis::Value;

use super::enqueue::digest;
use super::parts::{JOBS_A_CALL, number, time};
use super::single::{TRIES, bodies_of, ended};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{BodyKind, KeySpace, id_bytes, id_of};
use crate::record::{decode_head, flags};
use crate::reply::{self, Reply, missing, number as number_of, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static STRIPPABLE: Script = Script::new(
    "strippable",
    Access::Reads,
    "shard",
    "now:time limit:number passed:number",
    compose!("strippable": "keys" "words" "now" "record" "head" "life" "sections"),
);

pub(super) static STRIP: Script = Script::new(
    "strip",
    Access::Works,
    "shard body*",
    "now:time (id:id out:bits)*",
    compose!("strip": "keys" "words" "now" "record" "head" "life" "sections" "writes"),
);

pub(super) static PRUNABLE: Script = Script::new(
    "prunable",
    Access::Reads,
    "shard",
    "now:time limit:number",
    compose!("prunable": "keys" "words" "now" "record" "head" "life" "sections"),
);

pub(super) static REMOVE: Script = Script::new(
    "remove",
    Access::Works,
    "shard (request payload result)*",
    "now:time pruned:flag ended:states (id:id digest:bytes seen:bytes)*",
    compose!("remove": "keys" "words" "now" "record" "head" "life" "sections" "family" "effect" "writes" "chunk" "remove"),
);

/// Which bodies lie in keys of their own, by their bits.
const OUT: [(u16, BodyKind); 3] = [
    (flags::REQUEST_OUT, BodyKind::Request),
    (flags::PAYLOAD_OUT, BodyKind::Payload),
    (flags::BODY_OUT, BodyKind::Result),
];

/// What is to go.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Goal {
    /// The bodies of at most so many jobs.
    Strip(usize),
    /// At most so many records.
    Prune(usize),
    /// This job.
    Delete(JobId),
}

/// Looks, then takes, some at a time, until nothing is left or enough is done.
pub(crate) struct Sweep {
    space: Arc<KeySpace>,
    goal: Goal,
    now: Option<u64>,
    /// How many jobs the last look was for, and how many it saw.
    look: Option<Look>,
    looked_at: usize,
    gone: u64,
    tries: usize,
}

#[derive(Clone, Copy)]
struct Look {
    wanted: usize,
    seen: usize,
}

impl Sweep {
    pub(crate) const fn new(space: Arc<KeySpace>, goal: Goal, now: Option<u64>) -> Self {
        Self {
            space,
            goal,
            now,
            look: None,
            looked_at: 0,
            gone: 0,
            tries: 0,
        }
    }

    const fn name(&self) -> &'static str {
        match self.goal {
            Goal::Strip(_) => "strip",
            Goal::Prune(_) => "prune",
            Goal::Delete(_) => "delete",
        }
    }

    /// How many jobs are looked at next.
    fn wanted(&self) -> usize {
        match self.goal {
            Goal::Strip(limit) | Goal::Prune(limit) => (limit - self.looked_at).min(JOBS_A_CALL),
            Goal::Delete(_) => 1,
        }
    }

    fn find(&self) -> Step {
        let mut args = vec![time(self.now), number(self.wanted() as u64)];
        let script = match self.goal {
            Goal::Strip(_) => {
                // What was looked at and stays is passed: it waits for prune.
                args.push(number((self.looked_at as u64).saturating_sub(self.gone)));
                &STRIPPABLE
            }
            Goal::Prune(_) => &PRUNABLE,
            Goal::Delete(id) => {
                let call = Call::command(&[b"HGET", &self.space.key("job"), &id_bytes(id)]);
                return Step::Send(vec![call]);
            }
        };
        Step::Send(vec![Call::Script {
            script,
            keys: self.space.shard_keys(),
            args,
        }])
    }

    /// What was found: how many were looked at, and ids, each with what its script needs to know.
    fn found(&self, value: Value) -> Result<(usize, Vec<(JobId, Value)>), Failure> {
        if let Goal::Delete(id) = self.goal {
            let is_there = value != Value::Nil;
            return Ok((1, is_there.then_some((id, value)).into_iter().collect()));
        }
        let mut reply = Reply::array(self.name(), value)?;
        let seen = match self.goal {
            Goal::Strip(_) => usize::try_from(reply.number()?).unwrap_or(usize::MAX),
            Goal::Prune(_) | Goal::Delete(_) => reply.len() / 2,
        };
        let mut found = Vec::with_capacity(reply.len() / 2);
        while reply.len() > 0 {
            let id = id_of(&reply.bytes()?).ok_or_else(|| missing(self.name(), "id of a job"))?;
            found.push((id, reply.value()?));
        }
        Ok((seen, found))
    }

    fn strip(&self, found: Vec<(JobId, Value)>) -> Result<Call, Failure> {
        let mut keys = self.space.shard_keys();
        let mut args = vec![time(self.now)];
        for (id, out) in found {
            let out = number_of(self.name(), &out)?;
            let bodies = OUT.iter().filter(|(flag, _)| out & u64::from(*flag) != 0);
            keys.extend(bodies.map(|(_, kind)| self.space.body(id, *kind)));
            args.push(id_bytes(id).to_vec());
            args.push(number(out));
        }
        Ok(Call::Script {
            script: &STRIP,
            keys,
            args,
        })
    }

    fn remove(&self, found: Vec<(JobId, Value)>) -> Result<Call, Failure> {
        let flag = if matches!(self.goal, Goal::Prune(_)) {
            b"1"
        } else {
            b"0"
        };
        let mut keys = self.space.shard_keys();
        let mut args = vec![time(self.now), flag.to_vec(), ended()];
        for (id, seen) in found {
            let seen = reply::bytes(self.name(), seen)?;
            let key = decode_head(&seen)
                .ok()
                .and_then(|record| record.names.idempotency);
            keys.extend(bodies_of(&self.space, id));
            args.push(id_bytes(id).to_vec());
            args.push(key.map_or_else(Vec::new, |key| digest(&key).to_vec()));
            args.push(seen);
        }
        Ok(Call::Script {
            script: &REMOVE,
            keys,
            args,
        })
    }

    fn answer(&self) -> Step {
        Step::Done(match self.goal {
            Goal::Delete(_) => Answer::Flag(self.gone > 0),
            Goal::Strip(_) | Goal::Prune(_) => Answer::Count(self.gone),
        })
    }

    /// Look again where there may be more; `look` is what the last one saw.
    fn go_on(&mut self, look: Look) -> Step {
        if let Goal::Delete(_) = self.goal {
            // Somebody else was faster: the job is gone, or another of its id.
            self.tries += 1;
            return if self.gone == 0 && self.tries < TRIES {
                self.find()
            } else {
                self.answer()
            };
        }
        self.looked_at += look.seen;
        if look.seen < look.wanted || self.wanted() == 0 {
            self.answer()
        } else {
            self.find()
        }
    }

    /// Whether a job may be deleted: it has ended, as far as its record can be read.
    fn may_go(&self, seen: &Value) -> bool {
        match (self.goal, seen) {
            (Goal::Delete(_), Value::BulkString(bytes)) => {
                decode_head(bytes).map_or(true, |record| record.state.is_terminal())
            }
            _ => true,
        }
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let value = only(self.name(), replies)?;
        if let Some(look) = self.look.take() {
            self.gone += number_of(self.name(), &value)?;
            return Ok(self.go_on(look));
        }
        let wanted = self.wanted();
        let (seen, found) = self.found(value)?;
        let look = Look { wanted, seen };
        if let Goal::Delete(_) = self.goal
            && !found.iter().any(|(_, seen)| self.may_go(seen))
        {
            return Ok(self.answer());
        }
        if found.is_empty() {
            return Ok(self.go_on(look));
        }
        let call = match self.goal {
            Goal::Strip(_) => self.strip(found)?,
            Goal::Prune(_) | Goal::Delete(_) => self.remove(found)?,
        };
        self.look = Some(look);
        Ok(Step::Send(vec![call]))
    }
}

impl Conversation for Sweep {
    fn begin(&mut self) -> Step {
        if self.wanted() == 0 {
            return self.answer();
        }
        self.find()
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}
