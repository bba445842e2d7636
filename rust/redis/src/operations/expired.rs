//! The sweep's first look: promote what is due in every queue, then find past leases.

use std::sync::Arc;

use asyncendpoints_core::answer;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{PROMOTED, PROMOTIONS, Queues, code, number, time};
use super::replace::{self, Broken};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_of};
use crate::record::{Damage, decode_head};
use crate::reply::{self, Reply};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static PROMOTE: Script = Script::new(
    "promote",
    Access::Works,
    "shard (ready due)*",
    "now:time limit:number scheduled:state queued:state queue:name*",
    compose!("promote": "keys" "words" "now" "record" "head" "life" "rank" "writes" "wake" "promote"),
);

pub(super) static SCRIPT: Script = Script::new(
    "expired",
    Access::Works,
    "shard",
    "now:time limit:number",
    compose!("expired": "keys" "words" "now" "record" "head" "life" "writes"),
);

const NAME: &str = "expired";

/// How many past leases are looked at together at most.
const MOST: usize = 2_000;

/// What the replies are to.
enum Stage {
    Queues,
    Searching,
    Looking,
    Replacing,
}

/// Promotes what is due, and finds runs whose lease has passed.
pub(crate) struct Expired {
    space: Arc<KeySpace>,
    limit: usize,
    now: Option<u64>,
    stage: Stage,
    looked_at: u64,
    found: Vec<answer::Expired>,
    broken: Vec<Broken>,
}

impl Expired {
    pub(crate) const fn new(space: Arc<KeySpace>, limit: usize, now: Option<u64>) -> Self {
        Self {
            space,
            limit,
            now,
            stage: Stage::Queues,
            looked_at: 0,
            found: Vec::new(),
            broken: Vec::new(),
        }
    }

    /// Promote in the queues that hold scheduled jobs, then search.
    fn search(&self, replies: Vec<Value>) -> Result<Vec<Call>, Failure> {
        let mut fields = Reply::array(NAME, reply::only(NAME, replies)?)?;
        let mut queues = Queues::default();
        while fields.len() > 0 {
            let field = fields.bytes()?;
            if let Some((&code, name)) = field.split_first()
                && code == State::Scheduled as u8
                && let Ok(name) = std::str::from_utf8(name)
            {
                queues.number(&Arc::from(name));
            }
        }
        let mut calls = Vec::with_capacity(2);
        if !queues.names().is_empty() {
            let mut args = vec![
                time(self.now),
                number(PROMOTIONS),
                code(State::Scheduled),
                code(PROMOTED),
            ];
            args.extend(queues.names().iter().map(|name| name.as_bytes().to_vec()));
            calls.push(Call::Script {
                script: &PROMOTE,
                keys: queues.keys(&self.space),
                args,
            });
        }
        calls.push(Call::Script {
            script: &SCRIPT,
            keys: self.space.shard_keys(),
            args: vec![time(self.now), number(self.limit.min(MOST) as u64)],
        });
        Ok(calls)
    }

    fn read(&mut self, mut replies: Vec<Value>) -> Result<(), Failure> {
        let value = replies
            .pop()
            .ok_or_else(|| reply::missing(NAME, "a reply"))?;
        let mut reply = Reply::array(NAME, value)?;
        self.looked_at = reply.number()?;
        while reply.len() > 0 {
            let id = id_of(&reply.bytes()?).ok_or_else(|| reply::missing(NAME, "id of a job"))?;
            let head = match reply.value()? {
                Value::Int(_) => Err(Damage::Short),
                value => decode_head(&reply::bytes(NAME, value)?),
            };
            match head {
                Ok(record) => {
                    let life = record.life.as_ref();
                    self.found.push(answer::Expired {
                        id,
                        fence: life.map_or(0, |life| u64::from(life.fence)),
                        attempt: record.attempt,
                        max_attempts: record.max_attempts,
                        cancel_requested: life
                            .is_some_and(|life| life.cancel_requested_at.is_some()),
                        handler: record.names.handler,
                        queue: record.names.queue,
                    });
                }
                Err(damage) => self.broken.push(Broken {
                    id,
                    damage,
                    queue: None,
                }),
            }
        }
        Ok(())
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let calls = match self.stage {
            Stage::Queues => {
                self.stage = Stage::Searching;
                self.search(replies)?
            }
            Stage::Searching => {
                self.read(replies)?;
                self.stage = Stage::Looking;
                replace::look(&self.space, &self.broken)
            }
            Stage::Looking => {
                self.stage = Stage::Replacing;
                replace::replace(NAME, &self.space, &self.broken, replies, self.looked_at)?
            }
            Stage::Replacing => Vec::new(),
        };
        if calls.is_empty() {
            return Ok(Step::Done(Answer::Expired(std::mem::take(&mut self.found))));
        }
        Ok(Step::Send(calls))
    }
}

impl Conversation for Expired {
    fn begin(&mut self) -> Step {
        Step::Send(vec![Call::command(&[b"HKEYS", &self.space.key("stat")])])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}
