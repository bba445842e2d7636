//! Claim.

use std::sync::Arc;

use asyncendpoints_core::answer::{self, Claims};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Body;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{CLAIMED, Fetch, PROMOTED, PROMOTIONS, Queues, code, mark_of, number, time};
use super::replace::{self, Broken};
use crate::call::Call;
use crate::conversation::{Begun, Conversation, Failure, Step};
use crate::keys::{KeySpace, id_of};
use crate::record::{BodyAt, Damage, Record, decode_claimed};
use crate::reply::{self, Reply};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "claim",
    Access::Works,
    "shard (ready due)*",
    "now:time limit:number lease_ms:number mark:bytes worker:text scheduled:state queued:state claimed:state \
     promotions:number queue:name*",
    compose!("claim": "keys" "words" "now" "record" "head" "first_of_head" "life" "rank" "writes" "wake" "promote"),
);

const NAME: &str = "claim";

/// How many jobs one claim takes at most, whatever its limit: more do not pass through one call of a script.
const MOST: usize = 2_000;

/// Who claims what.
pub(crate) struct Wanted {
    pub(crate) worker: Arc<str>,
    pub(crate) claim_id: Arc<str>,
    pub(crate) queues: Vec<Arc<str>>,
    pub(crate) limit: usize,
    pub(crate) lease_ms: u64,
}

/// What the replies are to.
enum Stage {
    Claiming,
    Bodies,
    Looking,
    Replacing,
}

/// Begins runs.
pub(crate) struct Claim {
    space: Arc<KeySpace>,
    wanted: Wanted,
    now: Option<u64>,
    queues: Queues,
    stage: Stage,
    began_at: u64,
    next_due_ms: Option<u64>,
    taken: Vec<(JobId, Record)>,
    begun: Option<Begun>,
    broken: Vec<Broken>,
    fetch: Fetch,
}

impl Claim {
    pub(crate) fn new(space: Arc<KeySpace>, wanted: Wanted, now: Option<u64>) -> Self {
        let mut queues = Queues::default();
        for queue in &wanted.queues {
            queues.number(queue);
        }
        Self {
            space,
            wanted,
            now,
            queues,
            stage: Stage::Claiming,
            began_at: 0,
            next_due_ms: None,
            taken: Vec::new(),
            begun: None,
            broken: Vec::new(),
            fetch: Fetch::default(),
        }
    }

    fn call(&self) -> Call {
        let wanted = &self.wanted;
        let mut args = vec![
            time(self.now),
            number(wanted.limit.min(MOST) as u64),
            number(wanted.lease_ms),
            mark_of(&wanted.claim_id).to_vec(),
            wanted.worker.as_bytes().to_vec(),
            code(State::Scheduled),
            code(PROMOTED),
            code(CLAIMED),
            number(PROMOTIONS),
        ];
        let names = self.queues.names().iter();
        args.extend(names.map(|name| name.as_bytes().to_vec()));
        Call::Script {
            script: &SCRIPT,
            keys: self.queues.keys(&self.space),
            args,
        }
    }

    fn read(&mut self, replies: Vec<Value>) -> Result<(), Failure> {
        let mut reply = Reply::array(NAME, reply::only(NAME, replies)?)?;
        self.began_at = reply.number()?;
        self.next_due_ms = match reply.value()? {
            Value::Int(time) => Some(
                u64::try_from(time)
                    .unwrap_or(0)
                    .saturating_sub(self.began_at),
            ),
            _ => None,
        };
        self.taken.reserve(reply.len() / 2);
        while reply.len() > 0 {
            let id = id_of(&reply.bytes()?).ok_or_else(|| reply::missing(NAME, "id of a job"))?;
            match reply.value()? {
                Value::Int(queue) => self.give_up(id, Damage::Short, Some(queue)),
                value => match decode_claimed(&reply::bytes(NAME, value)?) {
                    Ok(record) => {
                        let index = self.taken.len();
                        self.fetch
                            .add(&self.space, index, id, record.out_of_claimed());
                        self.taken.push((id, record));
                    }
                    Err(damage) => self.give_up(id, damage, None),
                },
            }
        }
        // A virtual clock's leases do not pass by themselves.
        self.begun = self.now.is_none().then(|| Begun {
            worker: Arc::clone(&self.wanted.worker),
            runs: self
                .taken
                .iter()
                .map(|(id, record)| ((*id, fence(record)), record.names.timeout_ms))
                .collect(),
        });
        Ok(())
    }

    /// A record cannot be read: `queue` is the number of the one that it came from, if the script says so.
    fn give_up(&mut self, id: JobId, damage: Damage, queue: Option<i64>) {
        let names = self.queues.names();
        let queue = match queue.and_then(|number| usize::try_from(number).ok()) {
            Some(number) => names.get(number - 1),
            None if names.len() == 1 => names.first(),
            None => None,
        };
        let queue = queue.cloned();
        self.broken.push(Broken { id, damage, queue });
    }

    /// Put the bodies in their places. A job of which one is gone cannot run.
    fn fill(&mut self, replies: Vec<Value>) -> Result<(), Failure> {
        let bodies = std::mem::take(&mut self.fetch).bodies(NAME, replies)?;
        for (index, kind, body) in bodies {
            if let Some((_, record)) = self.taken.get_mut(index) {
                record.fill(kind, body);
            }
        }
        let broken = &mut self.broken;
        self.taken.retain(|(id, record)| {
            let is_whole = record.out_of_claimed().next().is_none();
            if !is_whole {
                broken.push(Broken {
                    id: *id,
                    damage: Damage::BodyGone,
                    queue: Some(Arc::clone(&record.names.queue)),
                });
            }
            is_whole
        });
        Ok(())
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let calls = match self.stage {
            Stage::Claiming => {
                self.read(replies)?;
                self.stage = Stage::Bodies;
                if self.fetch.is_empty() {
                    return self.step(Vec::new());
                }
                self.fetch.calls()
            }
            Stage::Bodies => {
                self.fill(replies)?;
                self.stage = Stage::Looking;
                replace::look(&self.space, &self.broken)
            }
            Stage::Looking => {
                self.stage = Stage::Replacing;
                replace::replace(NAME, &self.space, &self.broken, replies, self.began_at)?
            }
            Stage::Replacing => Vec::new(),
        };
        if calls.is_empty() {
            return Ok(Step::Done(self.answer()));
        }
        Ok(Step::Send(calls))
    }

    fn answer(&mut self) -> Answer {
        let began_at = self.began_at;
        let taken = std::mem::take(&mut self.taken).into_iter();
        Answer::Claims(Claims {
            claims: taken
                .map(|(id, record)| claimed(id, record, began_at))
                .collect(),
            next_due_ms: self.next_due_ms,
        })
    }
}

impl Conversation for Claim {
    fn begin(&mut self) -> Step {
        let size = self.wanted.worker.len();
        if size > usize::from(u8::MAX) {
            let part = "the worker's name";
            return Step::Failed(Failure::TooLarge { part, size });
        }
        Step::Send(vec![self.call()])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }

    fn begun(&mut self) -> Option<Begun> {
        self.begun.take()
    }
}

fn fence(record: &Record) -> u64 {
    record.life.as_ref().map_or(0, |life| u64::from(life.fence))
}

/// What the worker that has just claimed a job is told.
fn claimed(id: JobId, record: Record, began_at: u64) -> answer::Claim {
    let fence = fence(&record);
    let names = record.names;
    answer::Claim {
        id,
        fence,
        handler: names.handler,
        queue: names.queue,
        priority: record.priority,
        attempt: record.attempt,
        max_attempts: record.max_attempts,
        timeout_ms: names.timeout_ms,
        created_at: record.created_at,
        ready_at: record.ready_at,
        started_at: began_at,
        request_id: names.idempotency.map(|idempotency| idempotency.key),
        owner: names.owner,
        request: body(record.request),
        payload: body(record.payload),
    }
}

fn body(body: BodyAt) -> Option<Body> {
    match body {
        BodyAt::Here(body) => Some(body),
        BodyAt::None | BodyAt::Out => None,
    }
}
