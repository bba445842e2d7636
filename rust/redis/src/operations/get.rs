//! Get and watch: read one job.

use std::sync::Arc;

use asyncendpoints_core::ids::JobId;
use redis::Value;

use super::parts::{number, time};
use super::single::{ended, job_of, keys_of};
use crate::call::Call;
use crate::conversation::{Conversation, Step};
use crate::keys::{KeySpace, id_bytes};
use crate::reply::only;
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "get",
    Access::Reads,
    "shard request payload result",
    "now:time id:id",
    compose!("get": "keys" "words" "record" "head" "life" "view"),
);

pub(super) static WATCH: Script = Script::new(
    "watch",
    Access::Works,
    "shard request payload result",
    "now:time id:id version:number ended:states",
    compose!("watch": "keys" "words" "record" "head" "life" "view"),
);

/// Reads a job, and may ask to be told of its next change.
pub(crate) struct Get {
    space: Arc<KeySpace>,
    id: JobId,
    watched_from: Option<u64>,
    now: Option<u64>,
}

impl Get {
    pub(crate) fn new(space: Arc<KeySpace>, id: JobId, now: Option<u64>) -> Self {
        Self {
            space,
            id,
            watched_from: None,
            now,
        }
    }

    /// A job that has not ended and whose version is not above this is watched from now on.
    pub(crate) fn watch(space: Arc<KeySpace>, id: JobId, version: u64, now: Option<u64>) -> Self {
        Self {
            watched_from: Some(version),
            ..Self::new(space, id, now)
        }
    }
}

/// The call that reads one job with its bodies, all at the same moment.
pub(super) fn read(space: &KeySpace, id: JobId, now: Option<u64>) -> Call {
    Call::Script {
        script: &SCRIPT,
        keys: keys_of(space, id, None),
        args: vec![time(now), id_bytes(id).to_vec()],
    }
}

impl Conversation for Get {
    fn begin(&mut self) -> Step {
        let mut call = read(&self.space, self.id, self.now);
        if let (Some(version), Call::Script { script, args, .. }) = (self.watched_from, &mut call) {
            *script = &WATCH;
            args.push(number(version));
            args.push(ended());
        }
        Step::Send(vec![call])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        let job = only("get", replies).and_then(|value| job_of("get", self.id, value));
        job.map_or_else(Step::Failed, |job| {
            Step::Done(Answer::Job(job.map(Box::new)))
        })
    }
}
