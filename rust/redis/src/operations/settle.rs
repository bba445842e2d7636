//! Settle.

use std::sync::Arc;

use asyncendpoints_core::answer::{Settled, Settlement};
use asyncendpoints_core::decide::Verdict;
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{BYTES_A_CALL, CLAIMED, JOBS_A_CALL, Queues, code, number, six_bytes, time};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{BodyKind, KeySpace, id_bytes};
use crate::record::{INLINE, KEY_MS, MOST_ERROR, MOST_META};
use crate::reply::{self, Reply};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "settle",
    Access::Works,
    "shard (ready due)* body*",
    "now:time running:state released_kept:number key_for:ms queues:number queue:name* \
     (id:id run:packed ending:packed result:bytes? meta:bytes? error:bytes?)*",
    compose!("settle": "keys" "words" "now" "record" "first_of_head" "rank" "writes" "wake" "ended"),
);

const NAME: &str = "settle";

/// How many released runs a job remembers; all others are remembered, and `max_attempts` bounds them.
const RELEASED_RUNS: u64 = 20;

/// How often queues may turn out to be missing. A job never changes its queue, so once is enough, unless jobs of the
/// same ids come and go meanwhile.
const TRIES: usize = 5;

/// The largest number that a run's place has room for. No run gets as far, so it stands for all that are larger.
const MOST_RUNS: u64 = (1 << 24) - 1;

const ONLY_EXPIRED: u8 = 1;
const RESULT: u8 = 1 << 1;
const BODY: u8 = 1 << 2;
const META: u8 = 1 << 3;
const ERROR: u8 = 1 << 4;
const BODY_OUT: u8 = 1 << 5;

const TO_READY: u8 = 1;
const TO_DUE: u8 = 1 << 1;
const ENDED: u8 = 1 << 2;
const WITH_RESULT: u8 = 1 << 3;
const DEAD: u8 = 1 << 4;
const CHARGED: u8 = 1 << 5;
const KEEPS_PLACE: u8 = 1 << 6;

/// Ends runs.
pub(crate) struct Settle {
    space: Arc<KeySpace>,
    now: Option<u64>,
    parts: Vec<Part>,
    tries: usize,
}

/// The settlements of one script call.
#[derive(Default)]
struct Part {
    settlements: Vec<Settlement>,
    queues: Queues,
    bytes: usize,
    answers: Option<Vec<Settled>>,
}

impl Settle {
    pub(crate) fn new(
        space: Arc<KeySpace>,
        settlements: Vec<Settlement>,
        now: Option<u64>,
    ) -> Self {
        let mut parts: Vec<Part> = Vec::new();
        for settlement in settlements {
            if let Some(part) = parts.last_mut().filter(|part| !part.is_full()) {
                part.add(settlement);
            } else {
                let mut part = Part::default();
                part.add(settlement);
                parts.push(part);
            }
        }
        Self {
            space,
            now,
            parts,
            tries: 0,
        }
    }

    /// What is still to be asked; nothing when all is answered.
    fn calls(&self) -> Vec<Call> {
        let open = self.parts.iter().filter(|part| part.answers.is_none());
        open.map(|part| part.call(&self.space, self.now)).collect()
    }

    /// The answers, when all are there.
    fn answers(&mut self) -> Vec<Settled> {
        let parts = std::mem::take(&mut self.parts).into_iter();
        parts.filter_map(|part| part.answers).flatten().collect()
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let open = self.parts.iter_mut().filter(|part| part.answers.is_none());
        for (part, value) in open.zip(replies) {
            part.read(value)?;
        }
        let calls = self.calls();
        if calls.is_empty() {
            return Ok(Step::Done(Answer::Settled(self.answers())));
        }
        self.tries += 1;
        if self.tries == TRIES {
            return Err(Failure::Overtaken(NAME));
        }
        Ok(Step::Send(calls))
    }
}

impl Conversation for Settle {
    fn begin(&mut self) -> Step {
        if self.parts.is_empty() {
            return Step::Done(Answer::Settled(Vec::new()));
        }
        let mut settlements = self.parts.iter().flat_map(|part| &part.settlements);
        if let Some(failure) = settlements.find_map(too_large) {
            return Step::Failed(failure);
        }
        Step::Send(self.calls())
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}

impl Part {
    fn add(&mut self, settlement: Settlement) {
        if let Some(queue) = &settlement.queue {
            let ends = |verdict: Verdict| verdict.to_state().is_terminal();
            if !(ends(settlement.verdict) && ends(settlement.verdict_if_canceled)) {
                self.queues.number(queue);
            }
        }
        let length = |body: Option<&[u8]>| body.map_or(0, <[u8]>::len);
        let result = settlement.result.as_ref();
        self.bytes += length(result.and_then(|result| result.body.as_deref()))
            + length(settlement.error.as_deref());
        self.settlements.push(settlement);
    }

    const fn is_full(&self) -> bool {
        self.settlements.len() >= JOBS_A_CALL || self.bytes >= BYTES_A_CALL
    }

    fn call(&self, space: &KeySpace, now: Option<u64>) -> Call {
        let mut keys = self.queues.keys(space);
        let mut args = Vec::with_capacity(8 + 6 * self.settlements.len());
        args.push(time(now));
        args.push(code(CLAIMED));
        args.push(number(RELEASED_RUNS));
        args.push(number(KEY_MS));
        self.queues.arguments(&mut args);
        for settlement in &self.settlements {
            let result = settlement.result.as_ref();
            let body = result.and_then(|result| result.body.as_deref());
            let meta = result.and_then(|result| result.meta.as_deref());
            let error = settlement.error.as_deref();
            let bits = bit(settlement.only_expired, ONLY_EXPIRED)
                | bit(result.is_some(), RESULT)
                | bit(body.is_some(), BODY)
                | bit(meta.is_some(), META)
                | bit(error.is_some(), ERROR)
                | bit(body.is_some_and(|body| body.len() > INLINE), BODY_OUT);
            if bits & BODY_OUT != 0 {
                keys.push(space.body(settlement.id, BodyKind::Result));
            }
            args.push(id_bytes(settlement.id).to_vec());
            args.push(run(settlement));
            args.push(ending(settlement, bits));
            let parts = [body, meta, error].into_iter().flatten();
            args.extend(parts.map(<[u8]>::to_vec));
        }
        Call::Script {
            script: &SCRIPT,
            keys,
            args,
        }
    }

    fn read(&mut self, value: Value) -> Result<(), Failure> {
        let mut reply = Reply::array(NAME, value)?;
        let mut answers = Vec::with_capacity(reply.len());
        while let Some(value) = reply.take() {
            answers.push(match value {
                Value::BulkString(word) if word == b"stale" => Settled::Stale,
                Value::BulkString(word) if word == b"queues" => return self.learn(reply.nested()?),
                value => Settled::To(state(&value)?),
            });
        }
        if answers.len() != self.settlements.len() {
            return Err(reply::missing(NAME, "answer for each settlement"));
        }
        self.answers = Some(answers);
        Ok(())
    }

    /// The queues of some jobs were not known; now they are.
    fn learn(&mut self, mut names: Reply) -> Result<(), Failure> {
        while names.len() > 0 {
            let name = String::from_utf8(names.bytes()?)
                .map_err(|_| reply::missing(NAME, "name of a queue"))?;
            self.queues.number(&Arc::from(name));
        }
        Ok(())
    }
}

/// What a record has no room for.
fn too_large(settlement: &Settlement) -> Option<Failure> {
    let meta = settlement
        .result
        .as_ref()
        .and_then(|result| result.meta.as_deref());
    let parts = [
        ("the result's meta", meta, MOST_META),
        ("an error", settlement.error.as_deref(), MOST_ERROR),
    ];
    parts.into_iter().find_map(|(part, bytes, most)| {
        let size = bytes.map_or(0, <[u8]>::len);
        (size > most).then_some(Failure::TooLarge { part, size })
    })
}

/// Which run ends, and by which settlement.
fn run(settlement: &Settlement) -> Vec<u8> {
    let fence = settlement.fence.min(MOST_RUNS).to_le_bytes();
    let mut run = Vec::with_capacity(7);
    run.extend_from_slice(&fence[..3]);
    run.extend_from_slice(&folded(settlement.nonce).to_le_bytes());
    run
}

/// How it ends: the same for most runs of a call.
fn ending(settlement: &Settlement, bits: u8) -> Vec<u8> {
    let mut facts = Vec::with_capacity(19);
    facts.push(bits);
    for verdict in [settlement.verdict, settlement.verdict_if_canceled] {
        facts.push(verdict.to_state() as u8);
        facts.push(verdict.outcome() as u8);
        facts.extend_from_slice(&six_bytes(verdict.delay_ms()));
        facts.push(goes(verdict));
    }
    facts
}

/// A nonce in half its bits; only none stays none.
#[allow(clippy::cast_possible_truncation, reason = "the halves are folded")]
const fn folded(nonce: u64) -> u32 {
    let half = (nonce >> 32) as u32 ^ nonce as u32;
    if half == 0 && nonce != 0 { 1 } else { half }
}

/// What goes with a verdict, so that the script need not know the states.
fn goes(verdict: Verdict) -> u8 {
    let place = match verdict.to_state() {
        State::Queued | State::InProgress => TO_READY,
        State::Scheduled => TO_DUE,
        State::Completed => ENDED | WITH_RESULT,
        State::Failed => ENDED | DEAD,
        State::Canceled => ENDED,
    };
    place | bit(verdict.charged(), CHARGED) | bit(verdict.keeps_place(), KEEPS_PLACE)
}

const fn bit(is_set: bool, bit: u8) -> u8 {
    if is_set { bit } else { 0 }
}

fn state(value: &Value) -> Result<State, Failure> {
    let code = reply::number(NAME, value)?;
    let index = usize::try_from(code).unwrap_or(usize::MAX);
    let state = State::ALL.get(index).copied();
    state.ok_or_else(|| reply::missing(NAME, "known state"))
}
