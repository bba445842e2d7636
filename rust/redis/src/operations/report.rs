//! Reports: what processes tell of themselves, kept and read.

use std::sync::Arc;

use asyncendpoints_core::job::Body;
use redis::Value;

use super::parts::{number, score, time};
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, REPORT_KEYS};
use crate::reply::{self, Reply, missing, only};
use crate::request::{Answer, Report, Reports, Sign};
use crate::script::{Access, Script, compose};

pub(super) static TELL: Script = Script::new(
    "report",
    Access::Works,
    "shard sign card slot told",
    "now:time process:name has_card:flag card:bytes slot:number has_history:flag history:bytes sign_ms:ms slot_ms:ms slots:number",
    compose!("report": "keys" "words" "now"),
);

pub(super) static READ: Script = Script::new(
    "reports",
    Access::Reads,
    "shard sign card slot told",
    "now:time since:number",
    compose!("reports": "keys" "words" "now"),
);

const NAME: &str = "reports";

/// How many bodies one call reads: what bounds how long others wait for it.
const BODIES_A_CALL: usize = 64;

fn keys(space: &KeySpace) -> Vec<Vec<u8>> {
    let mut keys = space.shard_keys();
    keys.extend(REPORT_KEYS.iter().map(|name| space.key(name)));
    keys
}

/// Keeps a report.
pub(crate) struct TellReport {
    space: Arc<KeySpace>,
    report: Report,
    now: Option<u64>,
}

impl TellReport {
    pub(crate) const fn new(space: Arc<KeySpace>, report: Report, now: Option<u64>) -> Self {
        Self { space, report, now }
    }
}

impl Conversation for TellReport {
    fn begin(&mut self) -> Step {
        let Report {
            process,
            card,
            slot,
            history,
            kept,
        } = &self.report;
        let flag = |body: &Option<Body>| number(u64::from(body.is_some()));
        let bytes = |body: &Option<Body>| body.as_deref().unwrap_or_default().to_vec();
        Step::Send(vec![Call::Script {
            script: &TELL,
            keys: keys(&self.space),
            args: vec![
                time(self.now),
                process.as_bytes().to_vec(),
                flag(card),
                bytes(card),
                number(*slot),
                flag(history),
                bytes(history),
                number(kept.sign_ms),
                number(kept.slot_ms),
                number(kept.slots),
            ],
        }])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        let now = only(TELL.name, replies).and_then(|value| reply::number(TELL.name, &value));
        now.map_or_else(Step::Failed, |now| Step::Done(Answer::Count(now)))
    }
}

/// What was found before the bodies were read.
struct Found {
    now: u64,
    /// Process and when it was heard.
    signs: Vec<(String, u64)>,
    /// Slot and process.
    history: Vec<(u64, String)>,
}

/// Reads which reports there are, then their bodies.
pub(crate) struct ReadReports {
    space: Arc<KeySpace>,
    since: u64,
    now: Option<u64>,
    found: Option<Found>,
}

impl ReadReports {
    pub(crate) const fn new(space: Arc<KeySpace>, since: u64, now: Option<u64>) -> Self {
        Self {
            space,
            since,
            now,
            found: None,
        }
    }

    fn read_bodies(&self, found: &Found) -> Vec<Call> {
        let fields = |key: &str, fields: Vec<Vec<u8>>| {
            let key = self.space.key(key);
            fields
                .chunks(BODIES_A_CALL)
                .map(|some| {
                    let mut words: Vec<&[u8]> = vec![b"HMGET", &key];
                    words.extend(some.iter().map(Vec::as_slice));
                    Call::command(&words)
                })
                .collect::<Vec<_>>()
        };
        let signs = found.signs.iter();
        let cards = signs.map(|(process, _)| process.clone().into_bytes());
        let history = found.history.iter();
        let told = history.map(|(slot, process)| format!("{slot}:{process}").into_bytes());
        let mut calls = fields("card", cards.collect());
        calls.extend(fields("told", told.collect()));
        calls
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let Some(found) = self.found.take() else {
            let found = read_found(only(NAME, replies)?)?;
            let calls = self.read_bodies(&found);
            if calls.is_empty() {
                return finish(found, Vec::new());
            }
            self.found = Some(found);
            return Ok(Step::Send(calls));
        };
        finish(found, replies)
    }
}

impl Conversation for ReadReports {
    fn begin(&mut self) -> Step {
        Step::Send(vec![Call::Script {
            script: &READ,
            keys: keys(&self.space),
            args: vec![time(self.now), number(self.since)],
        }])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}

fn read_found(value: Value) -> Result<Found, Failure> {
    let mut reply = Reply::array(NAME, value)?;
    let now = reply.number()?;
    let (mut signs, mut history) = (Vec::new(), Vec::new());
    let mut heard = reply.nested()?;
    while heard.len() > 0 {
        let process = text(heard.bytes()?)?;
        signs.push((process, score(NAME, &heard.bytes()?)?));
    }
    signs.sort_unstable();
    let mut fields = reply.nested()?;
    while fields.len() > 0 {
        let field = text(fields.bytes()?)?;
        let told = field.split_once(':');
        let told = told.and_then(|(slot, process)| Some((slot.parse().ok()?, process.to_owned())));
        history.push(told.ok_or_else(|| missing(NAME, "slot and process"))?);
    }
    Ok(Found {
        now,
        signs,
        history,
    })
}

/// The reports whose bodies are there: what has gone since it was found is left out.
fn finish(found: Found, replies: Vec<Value>) -> Result<Step, Failure> {
    let mut bodies = Vec::with_capacity(found.signs.len() + found.history.len());
    for reply in replies {
        let mut values = Reply::array(NAME, reply)?;
        while let Some(value) = values.take() {
            bodies.push(match value {
                Value::Nil => None,
                value => Some(Body::from(reply::bytes(NAME, value)?)),
            });
        }
    }
    if bodies.len() != found.signs.len() + found.history.len() {
        return Err(missing(NAME, "body for each that was asked for"));
    }
    let mut bodies = bodies.into_iter();
    let signs = found.signs.into_iter().zip(bodies.by_ref());
    let signs = signs
        .filter_map(|((process, seen_at), card)| {
            Some(Sign {
                process,
                card: card?,
                seen_at,
            })
        })
        .collect();
    let history = found.history.into_iter().zip(bodies);
    let history = history
        .filter_map(|((slot, process), body)| Some((slot, process, body?)))
        .collect();
    Ok(Step::Done(Answer::Reports(Reports {
        now: found.now,
        signs,
        history,
    })))
}

fn text(bytes: Vec<u8>) -> Result<String, Failure> {
    String::from_utf8(bytes).map_err(|_| missing(NAME, "name of a process"))
}
