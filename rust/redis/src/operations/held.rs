//! Progress, reserve and record: what only the holder of a job may do, one fenced write each (LSE-2).

use std::sync::Arc;

use asyncendpoints_core::answer::Reservation;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Body;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{code, number, time};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes};
use crate::reply::{self, Reply, missing, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static PROGRESS: Script = Script::new(
    "progress",
    Access::Grows,
    "shard",
    "now:time id:id fence:number running:state body:bytes",
    compose!("progress": "keys" "words" "now" "record" "head" "life" "fence" "writes"),
);

pub(super) static RESERVE: Script = Script::new(
    "reserve",
    Access::Grows,
    "shard",
    "now:time id:id fence:number running:state key:text nonce:text takeover:flag",
    compose!("reserve": "keys" "words" "record" "life" "fence" "sections" "family" "effect"),
);

pub(super) static RECORD: Script = Script::new(
    "record",
    Access::Works,
    "shard",
    "now:time id:id fence:number running:state key:text nonce:text gives_back:flag value:bytes",
    compose!("record": "keys" "words" "record" "life" "fence" "sections" "family" "effect"),
);

/// The largest key, nonce and progress: what two and three bytes of length can say.
const TEXT_MOST: usize = u16::MAX as usize;
const PROGRESS_MOST: usize = (1 << 24) - 1;

/// One write of a holder.
pub(crate) struct Held {
    space: Arc<KeySpace>,
    script: &'static Script,
    args: Vec<Vec<u8>>,
    failure: Option<Failure>,
}

impl Held {
    fn new(
        space: Arc<KeySpace>,
        script: &'static Script,
        (id, fence): (JobId, u64),
        now: Option<u64>,
    ) -> Self {
        let args = vec![
            time(now),
            id_bytes(id).to_vec(),
            number(fence),
            code(State::InProgress),
        ];
        Self {
            space,
            script,
            args,
            failure: None,
        }
    }

    fn with(mut self, part: &'static str, bytes: &[u8], most: usize) -> Self {
        if bytes.len() > most {
            let size = bytes.len();
            self.failure = Some(Failure::TooLarge { part, size });
        }
        self.args.push(bytes.to_vec());
        self
    }

    fn flag(mut self, is_set: bool) -> Self {
        self.args.push(vec![if is_set { b'1' } else { b'0' }]);
        self
    }

    pub(crate) fn progress(
        space: Arc<KeySpace>,
        run: (JobId, u64),
        body: &Body,
        now: Option<u64>,
    ) -> Self {
        Self::new(space, &PROGRESS, run, now).with("the progress", body, PROGRESS_MOST)
    }

    pub(crate) fn reserve(
        space: Arc<KeySpace>,
        run: (JobId, u64),
        (key, nonce): (&str, &str),
        takeover: bool,
        now: Option<u64>,
    ) -> Self {
        Self::new(space, &RESERVE, run, now)
            .with("the key of an effect", key.as_bytes(), TEXT_MOST)
            .with("the nonce of an effect", nonce.as_bytes(), TEXT_MOST)
            .flag(takeover)
    }

    pub(crate) fn record(
        space: Arc<KeySpace>,
        run: (JobId, u64),
        (key, nonce): (&str, &str),
        value: Option<&Body>,
        now: Option<u64>,
    ) -> Self {
        Self::new(space, &RECORD, run, now)
            .with("the key of an effect", key.as_bytes(), TEXT_MOST)
            .with("the nonce of an effect", nonce.as_bytes(), TEXT_MOST)
            .flag(value.is_none())
            .with(
                "the value of an effect",
                value.map_or(&[], |value| value),
                usize::MAX,
            )
    }

    fn answer(&self, replies: Vec<Value>) -> Result<Answer, Failure> {
        let name = self.script.name;
        let value = only(name, replies)?;
        if name != RESERVE.name {
            return Ok(Answer::Flag(reply::number(name, &value)? == 1));
        }
        let mut reply = Reply::array(name, value)?;
        Ok(Answer::Reservation(match &*reply.bytes()? {
            b"reserved" => Reservation::Reserved,
            b"recorded" => Reservation::Recorded(Body::from(reply.bytes()?)),
            b"uncertain" => Reservation::Uncertain,
            b"stale" => Reservation::Stale,
            _ => return Err(missing(name, "word for the reservation")),
        }))
    }
}

impl Conversation for Held {
    fn begin(&mut self) -> Step {
        if let Some(failure) = self.failure.take() {
            return Step::Failed(failure);
        }
        Step::Send(vec![Call::Script {
            script: self.script,
            keys: self.space.shard_keys(),
            args: std::mem::take(&mut self.args),
        }])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.answer(replies).map_or_else(Step::Failed, Step::Done)
    }
}
