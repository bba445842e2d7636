//! Check: records and indexes are compared with each other, a page at a time.
//!
//! Each page is read by one script, so what it compares stood side by side at one moment, while the store goes on. A
//! cursor says which part is next: the records with every entry that they should and should not have, then each index
//! with the records, the keys themselves, and at last the counters.

pub(super) mod counts;
pub(super) mod entries;
pub(super) mod jobs;
pub(super) mod keys;

use std::sync::Arc;

use redis::Value;

use super::parts::{number, time};
use super::stats;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::KeySpace;
use crate::reply::{Reply, bytes, only};
use crate::request::Answer;
use crate::script::Script;

pub(crate) const NAME: &str = "check";

/// How many jobs a page takes at most: what bounds how long others wait for it.
const MOST: usize = 200;

/// The parts, in their order. Those of the queues are repeated for each queue.
const PARTS: [&str; 11] = [
    "jobs", "lease", "done", "strip", "dead", "ready", "due", "idem", "once", "list", "keys",
];

/// Behind all pages.
const LAST: &str = "counts";

/// Where a check goes on: a part, a queue in it, and the server's own cursor there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct At {
    part: String,
    queue: String,
    from: String,
}

impl At {
    fn begin(part: &str, queue: &str) -> Self {
        Self {
            part: part.to_owned(),
            queue: queue.to_owned(),
            from: "0".to_owned(),
        }
    }

    /// A cursor that is not one of this store's begins anew.
    fn parse(cursor: Option<&str>) -> Self {
        Self::read(cursor.unwrap_or_default()).unwrap_or_else(|| Self::begin(PARTS[0], ""))
    }

    fn read(cursor: &str) -> Option<Self> {
        let mut members = cursor.splitn(3, '/');
        let (part, queue, from) = (members.next()?, members.next()?, members.next()?);
        let is_part = PARTS.contains(&part) || part == LAST;
        (is_part && from.parse::<u64>().is_ok()).then(|| Self {
            part: part.to_owned(),
            queue: queue.to_owned(),
            from: from.to_owned(),
        })
    }

    fn write(&self) -> String {
        format!("{}/{}/{}", self.part, self.queue, self.from)
    }

    fn is_of_queues(&self) -> bool {
        self.part == "ready" || self.part == "due"
    }
}

/// The first half of a page whose entries are read by a second call.
struct First {
    page: Value,
    from: String,
    findings: Vec<String>,
}

/// Reads and judges one page.
pub(crate) struct Check {
    space: Arc<KeySpace>,
    at: At,
    limit: usize,
    now: Option<u64>,
    /// The queues that are counted, where the part needs them.
    queues: Option<Vec<Arc<str>>>,
    /// What was read first, and where the page behind it begins.
    first: Option<First>,
}

impl Check {
    pub(crate) fn new(
        space: Arc<KeySpace>,
        cursor: Option<&str>,
        limit: usize,
        now: Option<u64>,
    ) -> Self {
        Self {
            space,
            at: At::parse(cursor),
            limit: limit.clamp(1, MOST),
            now,
            queues: None,
            first: None,
        }
    }

    fn needs_queues(&self) -> bool {
        self.at.is_of_queues() || self.at.part == LAST || self.at.part == "keys"
    }

    fn page(&self, script: &'static Script, index: Option<Vec<u8>>) -> Call {
        let mut keys = self.space.shard_keys();
        keys.extend(index);
        let from = self.at.from.clone().into_bytes();
        Call::Script {
            script,
            keys,
            args: vec![time(self.now), from, number(self.limit as u64)],
        }
    }

    /// What a scan of the server gives: where it goes on, and what it found.
    fn scan(&self) -> Call {
        let count = number(self.limit as u64);
        let from = self.at.from.as_bytes();
        if self.at.part == "jobs" {
            return Call::command(&[b"HSCAN", &self.space.key("job"), from, b"COUNT", &count]);
        }
        let pattern = keys::pattern(&self.space);
        Call::command(&[b"SCAN", from, b"MATCH", &pattern, b"COUNT", &count])
    }

    /// The first call of the part, once the queues are known where it needs them.
    fn ask(&mut self) -> Step {
        let queues = self.queues.as_deref().unwrap_or_default();
        if self.at.is_of_queues() {
            // Queues that are gone meanwhile are passed.
            let Some(queue) = queues.iter().find(|queue| ***queue >= *self.at.queue) else {
                return self.done(Vec::new(), None);
            };
            if **queue != *self.at.queue {
                self.at = At::begin(&self.at.part, queue);
            }
        }
        let call = match &*self.at.part {
            "jobs" | "keys" => self.scan(),
            "ready" => self.page(&entries::ENTRIES, Some(self.space.ready(&self.at.queue))),
            "due" => self.page(&entries::ENTRIES, Some(self.space.due(&self.at.queue))),
            "idem" => self.page(&entries::KEYS, None),
            "once" => self.page(&entries::EFFECTS, None),
            "list" => self.page(&entries::LIST, None),
            LAST => counts::call(&self.space, queues, self.now),
            index => self.page(&entries::ENTRIES, Some(self.space.key(index))),
        };
        Step::Send(vec![call])
    }

    /// The page is judged; `from` is where its part goes on.
    fn done(&self, findings: Vec<String>, from: Option<String>) -> Step {
        let cursor = match from {
            Some(from) if from != "0" => Some(At {
                from,
                ..self.at.clone()
            }),
            _ => self.next(),
        };
        Step::Done(Answer::Findings {
            findings,
            cursor: cursor.map(|at| at.write()),
        })
    }

    fn next(&self) -> Option<At> {
        if self.at.is_of_queues() {
            let queues = self.queues.as_deref().unwrap_or_default();
            if let Some(queue) = queues.iter().find(|queue| ***queue > *self.at.queue) {
                return Some(At::begin(&self.at.part, queue));
            }
        }
        if self.at.part == LAST {
            return None;
        }
        let place = PARTS.iter().position(|part| *part == self.at.part);
        let next = place.and_then(|place| PARTS.get(place + 1));
        Some(At::begin(next.unwrap_or(&LAST), ""))
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let value = only(NAME, replies)?;
        if self.needs_queues() && self.queues.is_none() {
            let counts = stats::counts(NAME, value)?;
            self.queues = Some(counts.into_iter().map(|counts| counts.queue).collect());
            return Ok(self.ask());
        }
        if let Some(First {
            page,
            from,
            mut findings,
        }) = self.first.take()
        {
            findings.extend(match &*self.at.part {
                "jobs" => jobs::judge(page, value)?,
                _ => keys::judge(&self.space, page, value)?,
            });
            return Ok(self.done(findings, Some(from)));
        }
        if self.at.part == LAST {
            return Ok(self.done(
                counts::judge(self.queues.as_deref().unwrap_or_default(), value)?,
                None,
            ));
        }
        let mut reply = Reply::array(NAME, value)?;
        let from = String::from_utf8_lossy(&bytes(NAME, reply.value()?)?).into_owned();
        let page = reply.value()?;
        if self.at.part == "jobs" || self.at.part == "keys" {
            let (call, findings) = if self.at.part == "jobs" {
                jobs::look(&self.space, page.clone(), self.now)?
            } else {
                let queues = self.queues.as_deref().unwrap_or_default();
                keys::look(&self.space, queues, page.clone(), self.now)?
            };
            let Some(call) = call else {
                return Ok(self.done(findings, Some(from)));
            };
            self.first = Some(First {
                page,
                from,
                findings,
            });
            return Ok(Step::Send(vec![call]));
        }
        let findings = match &*self.at.part {
            "idem" => entries::judge_keys(page)?,
            "once" => entries::judge_effects(page)?,
            "list" => entries::judge_list(page)?,
            part => entries::judge_entries(part, &self.at.queue, page)?,
        };
        Ok(self.done(findings, Some(from)))
    }
}

impl Conversation for Check {
    fn begin(&mut self) -> Step {
        if self.needs_queues() {
            return Step::Send(vec![Call::command(&[b"HGETALL", &self.space.key("stat")])]);
        }
        self.ask()
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}
