//! Renew.

use std::sync::Arc;

use asyncendpoints_core::answer::Renewal;
use asyncendpoints_core::ids::JobId;
use redis::Value;

use super::parts::{CLAIMED, JOBS_A_CALL, code, number, time};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes};
use crate::reply::{self, Reply};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "renew",
    Access::Works,
    "shard",
    "now:time lease_ms:number running:state (id:id fence:number)*",
    compose!("renew": "keys" "words" "now" "record" "fence" "writes"),
);

const NAME: &str = "renew";

/// Prolongs leases.
pub(crate) struct Renew {
    space: Arc<KeySpace>,
    leases: Vec<(JobId, u64)>,
    lease_ms: u64,
    now: Option<u64>,
}

impl Renew {
    pub(crate) fn new(
        space: Arc<KeySpace>,
        leases: Vec<(JobId, u64)>,
        lease_ms: u64,
        now: Option<u64>,
    ) -> Self {
        Self {
            space,
            leases,
            lease_ms,
            now,
        }
    }

    fn call(&self, leases: &[(JobId, u64)]) -> Call {
        let mut args = vec![time(self.now), number(self.lease_ms), code(CLAIMED)];
        for (id, fence) in leases {
            args.push(id_bytes(*id).to_vec());
            args.push(number(*fence));
        }
        Call::Script {
            script: &SCRIPT,
            keys: self.space.shard_keys(),
            args,
        }
    }

    fn answer(&self, replies: Vec<Value>) -> Result<Answer, Failure> {
        let mut renewals = Vec::with_capacity(self.leases.len());
        for value in replies {
            let mut reply = Reply::array(NAME, value)?;
            while reply.len() > 0 {
                let word = reply.bytes()?;
                let known = [Renewal::Renewed, Renewal::CancelRequested, Renewal::Stale];
                let renewal = known
                    .into_iter()
                    .find(|renewal| renewal.as_str().as_bytes() == word);
                renewals.push(renewal.ok_or_else(|| reply::missing(NAME, "known word"))?);
            }
        }
        if renewals.len() == self.leases.len() {
            Ok(Answer::Renewed(renewals))
        } else {
            Err(reply::missing(NAME, "answer for each lease"))
        }
    }
}

impl Conversation for Renew {
    fn begin(&mut self) -> Step {
        if self.leases.is_empty() {
            return Step::Done(Answer::Renewed(Vec::new()));
        }
        let batches = self.leases.chunks(JOBS_A_CALL);
        Step::Send(batches.map(|leases| self.call(leases)).collect())
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.answer(replies).map_or_else(Step::Failed, Step::Done)
    }
}
