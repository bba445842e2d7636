//! The listing, newest first.
//!
//! Its order is that of the chunks, and in a chunk by age and id: neither changes while jobs come and go, so a cursor
//! holds when its job is gone. Failed jobs are found without passing all others.

use std::cmp::Reverse;
use std::sync::Arc;

use asyncendpoints_core::answer::Page;
use asyncendpoints_core::state::State;
use redis::Value;

use super::get;
use super::listed::{Entry, NAME, Place, parse, read_entries, write};
use super::parts::{number, time};
use super::single::job_of;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes};
use crate::record::{Damage, Record};
use crate::reply::{Reply, missing, only};
use crate::request::{Answer, Filter};
use crate::script::{Access, Script, compose};

pub(super) static LIST: Script = Script::new(
    "list",
    Access::Reads,
    "shard",
    "now:time from:number enough:number before:ms? rest:ids",
    compose!("list": "keys" "words" "record" "life" "chunk" "listed"),
);

pub(super) static DEAD: Script = Script::new(
    "dead",
    Access::Reads,
    "shard",
    "now:time created_at:ms id:id count:number",
    compose!("dead": "keys" "words" "record" "life" "listed"),
);

/// How many jobs a page looks at beyond those that it shows: what bounds its work.
const PASSED_OVER: usize = 1_000;

/// How many bytes of records a page reads before it ends, however few jobs those are.
const BYTES_READ: u64 = 16 << 20;

/// How many jobs are read at once.
const AT_ONCE: usize = 256;

impl Filter {
    fn matches_record(&self, record: &Record) -> bool {
        let names = &record.names;
        let key = names.idempotency.as_ref().map(|own| &*own.key);
        self.matches_state(record.state)
            && self.matches_time(record.created_at)
            && is(self.queue.as_deref(), Some(&names.queue))
            && is(self.handler.as_deref(), Some(&names.handler))
            && is(self.owner.as_deref(), names.owner.as_deref())
            && is(self.request_id.as_deref(), key)
    }

    fn matches_state(&self, state: State) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
    }

    fn matches_time(&self, created_at: u64) -> bool {
        self.created_since.is_none_or(|since| since <= created_at)
            && self.created_before.is_none_or(|before| created_at < before)
    }

    /// Whether it passes over jobs in the order of their creation, within its bounds.
    const fn is_sieve(&self) -> bool {
        self.queue.is_some()
            || self.handler.is_some()
            || self.owner.is_some()
            || self.request_id.is_some()
            || (self.is_by_chunk() && self.state.is_some())
    }

    /// Failed jobs have an order of their own.
    const fn is_by_chunk(&self) -> bool {
        !matches!(self.state, Some(State::Failed))
    }
}

fn is(wanted: Option<&str>, found: Option<&str>) -> bool {
    wanted.is_none() || wanted == found
}

/// What is behind a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Nothing,
    More,
}

/// What one call has read.
struct Found {
    entries: Vec<Entry>,
    /// Whether there is more behind it.
    has_more: bool,
    /// How many milliseconds a job can have been created before one that was stored earlier.
    back: u64,
}

/// Reads pages of the listing until it has enough jobs, or has looked at enough.
pub(crate) struct List {
    space: Arc<KeySpace>,
    filter: Filter,
    limit: usize,
    now: Option<u64>,
    /// Where the listing begins, until it has begun.
    before: Option<u64>,
    /// The chunk to read next, as the bound of a range.
    from: Vec<u8>,
    /// The ids in that chunk that are still to be read, where it has been begun.
    rest: Vec<u8>,
    /// What has been read of that chunk: its order is not known before all of it has.
    begun: Vec<Entry>,
    bytes_read: u64,
    /// The job that was looked at last.
    last: Option<Place>,
    looked_at: usize,
    page: Vec<Entry>,
    /// Where the page ended; from then on only what its jobs lack is read.
    end: Option<End>,
}

impl List {
    pub(crate) fn new(
        space: Arc<KeySpace>,
        filter: Filter,
        cursor: Option<&str>,
        limit: usize,
        now: Option<u64>,
    ) -> Self {
        let last = cursor.and_then(|cursor| parse(cursor, filter.is_by_chunk()));
        Self {
            space,
            limit,
            now,
            // Behind a job that was listed, it has begun.
            before: filter.created_before.filter(|_| last.is_none()),
            from: last.map_or_else(|| b"+inf".to_vec(), |place| number(place.chunk)),
            rest: Vec::new(),
            begun: Vec::new(),
            last,
            looked_at: 0,
            bytes_read: 0,
            page: Vec::new(),
            end: None,
            filter,
        }
    }

    fn may_look_at(&self) -> usize {
        self.limit.saturating_add(PASSED_OVER) - self.looked_at
    }

    fn is_full(&self) -> bool {
        self.page.len() == self.limit || self.may_look_at() == 0
    }

    fn read(&mut self) -> Call {
        let missing = self.limit - self.page.len();
        let enough = if self.filter.is_sieve() {
            AT_ONCE
        } else {
            missing.min(AT_ONCE)
        };
        let enough = number(enough.min(self.may_look_at()) as u64);
        let before = self.before.take();
        let (script, own) = if self.filter.is_by_chunk() {
            let before = before.map_or_else(Vec::new, number);
            let rest = std::mem::take(&mut self.rest);
            (&LIST, vec![self.from.clone(), enough, before, rest])
        } else {
            // Every id is above the one of zeros: behind that place are those that were created before the time.
            let place = match (self.last, before) {
                (Some(last), _) => [number(last.created_at), id_bytes(last.id).to_vec()],
                (None, Some(before)) => [number(before), vec![0; 16]],
                (None, None) => [Vec::new(), Vec::new()],
            };
            let [created_at, id] = place;
            (&DEAD, vec![created_at, id, enough])
        };
        let mut args = vec![time(self.now)];
        args.extend(own);
        Call::Script {
            script,
            keys: self.space.shard_keys(),
            args,
        }
    }

    /// What was read, in the order of the listing.
    fn entries(&mut self, value: Value) -> Result<Found, Failure> {
        let mut reply = Reply::array(NAME, value)?;
        let has_more = reply.number()? == 1;
        if !self.filter.is_by_chunk() {
            self.bytes_read += reply.number()?;
            let entries = read_entries(reply.nested()?, 0)?;
            return Ok(Found {
                // Nothing can be behind what is not there.
                has_more: has_more && !entries.is_empty(),
                entries,
                back: 0,
            });
        }
        let back = reply.number()?;
        self.bytes_read += reply.number()?;
        self.rest = reply.bytes()?;
        let mut entries = Vec::new();
        let mut chunks = reply.nested()?;
        while chunks.len() > 0 {
            let mut parts = chunks.nested()?;
            let chunk = parts.number()?;
            self.begun.extend(read_entries(parts.nested()?, chunk)?);
            if chunks.len() == 0 && !self.rest.is_empty() {
                self.from = number(chunk);
            } else {
                self.from = format!("({chunk}").into_bytes();
                entries.append(&mut self.begun);
            }
        }
        entries.sort_unstable_by_key(|entry| Reverse(entry.place));
        if let Some(last) = self.last {
            entries.retain(|entry| entry.place < last);
        }
        Ok(Found {
            entries,
            has_more,
            back,
        })
    }

    fn look_at(&mut self, value: Value) -> Result<(), Failure> {
        let Found {
            entries,
            mut has_more,
            back,
        } = self.entries(value)?;
        let is_heavy = self.bytes_read >= BYTES_READ && !entries.is_empty();
        for entry in entries {
            let created_at = entry.place.created_at;
            // Whatever was stored before this job was created at most so much later than it.
            let is_past = |since| created_at.saturating_add(back) < since;
            if self.filter.created_since.is_some_and(is_past) {
                has_more = false;
                break;
            }
            if self.is_full() {
                has_more = true;
                break;
            }
            self.looked_at += 1;
            self.last = Some(entry.place);
            if self.filter.matches_record(&entry.view.record) {
                self.page.push(entry);
            }
        }
        if !has_more {
            self.end = Some(End::Nothing);
        } else if self.is_full() || is_heavy {
            self.end = Some(End::More);
        }
        Ok(())
    }

    /// Read again, and whole, the jobs of which something is still to be read.
    fn partial(&self) -> Vec<Call> {
        let partial = self.page.iter().filter(|entry| entry.is_partial());
        partial
            .map(|entry| get::read(&self.space, entry.view.id, self.now))
            .collect()
    }

    fn finish(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        let mut replies = replies.into_iter();
        let mut jobs = Vec::with_capacity(self.page.len());
        for entry in std::mem::take(&mut self.page) {
            let is_partial = entry.is_partial();
            let view = entry.view;
            if !is_partial {
                jobs.push(view.job().map_err(strange_job)?);
                continue;
            }
            let value = replies
                .next()
                .ok_or_else(|| missing(NAME, "job for each that was asked for"))?;
            // It may have changed or gone since it was found.
            jobs.extend(
                job_of(NAME, view.id, value)?.filter(|job| self.filter.matches_state(job.state)),
            );
        }
        let has_more = self.end.take() == Some(End::More);
        let cursor = self.last.filter(|_| has_more);
        Ok(Step::Done(Answer::Page(Page {
            jobs,
            cursor: cursor.map(|place| write(place, self.filter.is_by_chunk())),
        })))
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        if self.end.is_some() {
            return self.finish(replies);
        }
        self.look_at(only(NAME, replies)?)?;
        if self.end.is_none() {
            return Ok(Step::Send(vec![self.read()]));
        }
        let calls = self.partial();
        if calls.is_empty() {
            return self.finish(Vec::new());
        }
        Ok(Step::Send(calls))
    }
}

impl Conversation for List {
    fn begin(&mut self) -> Step {
        if self.limit == 0 {
            let (jobs, cursor) = (Vec::new(), None);
            return Step::Done(Answer::Page(Page { jobs, cursor }));
        }
        Step::Send(vec![self.read()])
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}

fn strange_job(damage: Damage) -> Failure {
    missing(NAME, &format!("whole job: {damage}"))
}
