//! Cancel and run now: what users ask of one job, whatever its state.
//!
//! The keys of its queue, and the worker that is to be told, stand in the record; so it is read first, and the script
//! answers where they have changed meanwhile.

use std::sync::Arc;

use asyncendpoints_core::answer::Cancellation;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Job;
use asyncendpoints_core::state::{Event, State};
use redis::Value;

use super::parts::{number, time};
use super::single::{TRIES, job_of, keys_of, row_of, word_of};
use super::unreadable::as_failed;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes};
use crate::record::{KEY_MS, Record, decode};
use crate::reply::{self, missing, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "cancel",
    Access::Works,
    "shard ready due request payload result",
    "now:time id:id row:states queue:name fence:number worker:text key_for:ms",
    compose!("cancel": "keys" "words" "now" "record" "head" "life" "writes" "ended" "view"),
);

pub(super) static RUN_NOW: Script = Script::new(
    "run_now",
    Access::Works,
    "shard ready due request payload result",
    "now:time id:id row:states queue:name",
    compose!("run_now": "keys" "words" "now" "record" "head" "life" "rank" "writes" "wake" "view"),
);

/// What is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it stops.
    Cancel,
    /// That it does not wait for its time.
    RunNow,
}

/// Reads a job's queue and worker, then does what is asked.
pub(crate) struct Ask {
    space: Arc<KeySpace>,
    wish: Wish,
    id: JobId,
    now: Option<u64>,
    was_read: bool,
    tries: usize,
}

impl Ask {
    pub(crate) fn new(space: Arc<KeySpace>, wish: Wish, id: JobId, now: Option<u64>) -> Self {
        Self {
            space,
            wish,
            id,
            now,
            was_read: false,
            tries: 0,
        }
    }

    const fn name(&self) -> &'static str {
        match self.wish {
            Wish::Cancel => "cancel",
            Wish::RunNow => "run_now",
        }
    }

    fn read(&mut self) -> Step {
        self.was_read = false;
        let field = id_bytes(self.id);
        Step::Send(vec![Call::command(&[
            b"HGET",
            &self.space.key("job"),
            &field,
        ])])
    }

    fn call(&self, record: &Record) -> Call {
        let queue = &record.names.queue;
        let mut args = vec![time(self.now), id_bytes(self.id).to_vec()];
        let script = match self.wish {
            Wish::Cancel => {
                let run = record.life.as_ref().and_then(|life| life.runs.last());
                args.push(row_of(Event::Cancel));
                args.push(queue.as_bytes().to_vec());
                args.push(number(run.map_or(0, |run| run.number)));
                args.push(run.map_or_else(Vec::new, |run| run.worker.as_bytes().to_vec()));
                args.push(number(KEY_MS));
                &SCRIPT
            }
            Wish::RunNow => {
                args.push(row_of(Event::RunNow));
                args.push(queue.as_bytes().to_vec());
                &RUN_NOW
            }
        };
        Call::Script {
            script,
            keys: keys_of(&self.space, self.id, Some(queue)),
            args,
        }
    }

    fn answer(&self, word: &[u8], job: Option<Job>) -> Result<Answer, Failure> {
        if self.wish == Wish::RunNow {
            return Ok(Answer::Job(job.map(Box::new)));
        }
        let cancellation = match (word, job) {
            (_, None) => Cancellation::Missing,
            (b"canceled", Some(job)) => Cancellation::Canceled(job),
            (b"requested", Some(job)) => Cancellation::Requested(job),
            (b"kept", Some(job)) if job.state == State::Canceled => Cancellation::Already(job),
            (b"kept", Some(job)) => Cancellation::Refused(job),
            _ => return Err(missing(self.name(), "word for what was done")),
        };
        Ok(Answer::Cancellation(Box::new(cancellation)))
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        if !self.was_read {
            self.was_read = true;
            let value = only(self.name(), replies)?;
            if value == Value::Nil {
                return self.answer(b"missing", None).map(Step::Done);
            }
            let bytes = reply::bytes(self.name(), value)?;
            return match decode(&bytes) {
                Ok(record) => Ok(Step::Send(vec![self.call(&record)])),
                Err(damage) => {
                    let job = as_failed(self.id, &bytes, damage);
                    self.answer(b"kept", Some(job)).map(Step::Done)
                }
            };
        }
        let (word, job) = word_of(self.name(), replies)?;
        if word == b"moved" {
            self.tries += 1;
            if self.tries == TRIES {
                return Err(Failure::Overtaken(self.name()));
            }
            return Ok(self.read());
        }
        let job = job_of(self.name(), self.id, job.unwrap_or(Value::Nil))?;
        self.answer(&word, job).map(Step::Done)
    }
}

impl Conversation for Ask {
    fn begin(&mut self) -> Step {
        self.read()
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}
