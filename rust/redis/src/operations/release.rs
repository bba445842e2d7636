//! Release a claim: give back, uncharged, every run that it began and that still runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use asyncendpoints_core::answer::{Settled, Settlement};
use asyncendpoints_core::decide::{Facts, RunEvent, Verdict, decide};
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::retry::Backoff;
use redis::Value;

use super::parts::{CLAIMED, code, mark_of, time};
use super::settle::Settle;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_of};
use crate::reply::{self, Reply};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "release_claim",
    Access::Reads,
    "shard",
    "now:time mark:bytes running:state from:text",
    compose!("release_claim": "keys" "words" "record" "head" "life"),
);

const NAME: &str = "release_claim";

/// Where the leases begin, and what the server says at their end.
const BEGIN: &[u8] = b"0";

/// Finds the runs of a claim, page by page, then settles them as released.
pub(crate) struct ReleaseClaim {
    space: Arc<KeySpace>,
    mark: [u8; 8],
    now: Option<u64>,
    /// What was found on the pages up to here. A page may name a job that an earlier one had.
    found: BTreeMap<JobId, Settlement>,
    settle: Option<Settle>,
}

impl ReleaseClaim {
    pub(crate) fn new(space: Arc<KeySpace>, claim_id: &str, now: Option<u64>) -> Self {
        Self {
            space,
            mark: mark_of(claim_id),
            now,
            found: BTreeMap::new(),
            settle: None,
        }
    }

    fn look(&self, from: Vec<u8>) -> Call {
        Call::Script {
            script: &SCRIPT,
            keys: self.space.shard_keys(),
            args: vec![time(self.now), self.mark.to_vec(), code(CLAIMED), from],
        }
    }

    fn find(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let mut reply = Reply::array(NAME, reply::only(NAME, replies)?)?;
        let (Some(verdict), Some(verdict_if_canceled)) = (released(false), released(true)) else {
            return Ok(Step::Done(Answer::Count(0)));
        };
        let next = reply.bytes()?;
        while reply.len() > 0 {
            let id = id_of(&reply.bytes()?).ok_or_else(|| reply::missing(NAME, "id of a job"))?;
            let fence = reply.number()?;
            let queue = String::from_utf8(reply.bytes()?)
                .map_err(|_| reply::missing(NAME, "name of a queue"))?;
            let settlement = Settlement {
                id,
                fence,
                queue: Some(Arc::from(queue)),
                verdict,
                verdict_if_canceled,
                nonce: 0,
                only_expired: false,
                result: None,
                error: None,
            };
            self.found.insert(id, settlement);
        }
        if next != BEGIN {
            return Ok(Step::Send(vec![self.look(next)]));
        }
        let settlements = std::mem::take(&mut self.found).into_values().collect();
        let mut settle = Settle::new(Arc::clone(&self.space), settlements, self.now);
        let step = settle.begin();
        self.settle = Some(settle);
        Ok(counted(step))
    }
}

impl Conversation for ReleaseClaim {
    fn begin(&mut self) -> Step {
        Step::Send(vec![self.look(BEGIN.to_vec())])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        match &mut self.settle {
            Some(settle) => counted(settle.resume(replies)),
            None => self.find(replies).unwrap_or_else(Step::Failed),
        }
    }
}

/// How many were released, when they are.
fn counted(step: Step) -> Step {
    match step {
        Step::Done(Answer::Settled(answers)) => {
            let released = answers.iter().filter(|answer| **answer != Settled::Stale);
            Step::Done(Answer::Count(released.count() as u64))
        }
        other => other,
    }
}

/// The verdict on a run that is given back. It depends on nothing else, and no delay comes of it.
fn released(cancel_requested: bool) -> Option<Verdict> {
    let facts = Facts::running(1, 1, cancel_requested);
    decide(facts, RunEvent::Released, &Backoff::default(), 0).ok()
}
