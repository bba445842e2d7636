//! The listing, newest first.
//!
//! Its order is that of the chunks, and in a chunk by age and id: neither changes while jobs come and go, so a cursor
//! holds when its job is gone. Failed jobs are found without passing all others.

use std::cmp::Reverse;
use std::sync::Arc;

use asyncendpoints_core::answer::Page;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::Job;
use asyncendpoints_core::state::State;
use redis::Value;

use super::get;
use super::parts::{number, score, time};
use super::single::job_of;
use super::unreadable::shown;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes, id_of};
use crate::record::{Damage, Record, View, decode, decode_head};
use crate::reply::{self, Reply, missing, only};
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static LIST: Script = Script::new(
    "list",
    Access::Reads,
    "shard",
    "now:time from:number enough:number",
    compose!("list": "keys" "record" "life" "listed"),
);

pub(super) static DEAD: Script = Script::new(
    "dead",
    Access::Reads,
    "shard",
    "now:time created_at:ms id:id count:number",
    compose!("dead": "keys" "record" "life" "listed"),
);

const NAME: &str = "list";

/// How many jobs a page looks at beyond those that it shows: what bounds its work.
const PASSED_OVER: usize = 1_000;

/// How many jobs are read at once.
const AT_ONCE: usize = 256;

/// Which jobs are wanted.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) state: Option<State>,
    pub(crate) queue: Option<Arc<str>>,
    pub(crate) handler: Option<Arc<str>>,
    pub(crate) owner: Option<Arc<str>>,
}

impl Wanted {
    fn matches(&self, state: State, queue: &str, handler: &str, owner: Option<&str>) -> bool {
        let is = |wanted: &Option<Arc<str>>, found: Option<&str>| {
            wanted.is_none() || wanted.as_deref() == found
        };
        self.state.is_none_or(|wanted| wanted == state)
            && is(&self.queue, Some(queue))
            && is(&self.handler, Some(handler))
            && is(&self.owner, owner)
    }

    fn matches_record(&self, record: &Record) -> bool {
        let names = &record.names;
        self.matches(
            record.state,
            &names.queue,
            &names.handler,
            names.owner.as_deref(),
        )
    }

    fn matches_job(&self, job: &Job) -> bool {
        self.matches(job.state, &job.queue, &job.handler, job.owner.as_deref())
    }
}

/// Where a job stands in the listing: in its chunk, where that goes by chunks, by age, then by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    chunk: u64,
    created_at: u64,
    id: JobId,
}

/// A job as it was read.
struct Entry {
    place: Place,
    view: View,
    /// Whether only the beginning of its record was read.
    is_cut: bool,
}

impl Entry {
    /// Whether something of it is still to be read: what was cut off, or bodies in keys of their own.
    fn is_partial(&self) -> bool {
        self.is_cut || self.view.record.out().next().is_some()
    }
}

/// What is behind a page.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Nothing,
    More,
}

/// Reads pages of the listing until it has enough jobs, or has looked at enough.
pub(crate) struct List {
    space: Arc<KeySpace>,
    wanted: Wanted,
    limit: usize,
    now: Option<u64>,
    /// The chunk to read next, as the bound of a range.
    from: Vec<u8>,
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
        wanted: Wanted,
        cursor: Option<&str>,
        limit: usize,
        now: Option<u64>,
    ) -> Self {
        let is_by_chunk = wanted.state != Some(State::Failed);
        let last = cursor.and_then(|cursor| parse(cursor, is_by_chunk));
        Self {
            space,
            wanted,
            limit,
            now,
            from: last.map_or_else(|| b"+inf".to_vec(), |place| number(place.chunk)),
            last,
            looked_at: 0,
            page: Vec::new(),
            end: None,
        }
    }

    fn is_by_chunk(&self) -> bool {
        self.wanted.state != Some(State::Failed)
    }

    fn may_look_at(&self) -> usize {
        self.limit.saturating_add(PASSED_OVER) - self.looked_at
    }

    fn is_full(&self) -> bool {
        self.page.len() == self.limit || self.may_look_at() == 0
    }

    fn read(&self) -> Call {
        let Wanted {
            queue,
            handler,
            owner,
            state,
        } = &self.wanted;
        let is_filtered = queue.is_some() || handler.is_some() || owner.is_some();
        let is_sieved = is_filtered || (self.is_by_chunk() && state.is_some());
        let missing = self.limit - self.page.len();
        let enough = if is_sieved {
            AT_ONCE
        } else {
            missing.min(AT_ONCE)
        };
        let enough = number(enough.min(self.may_look_at()) as u64);
        let mut args = vec![time(self.now)];
        if self.is_by_chunk() {
            args.push(self.from.clone());
        } else {
            args.push(
                self.last
                    .map_or_else(Vec::new, |place| number(place.created_at)),
            );
            args.push(
                self.last
                    .map_or_else(Vec::new, |place| id_bytes(place.id).to_vec()),
            );
        }
        args.push(enough);
        Call::Script {
            script: if self.is_by_chunk() { &LIST } else { &DEAD },
            keys: self.space.shard_keys(),
            args,
        }
    }

    /// The jobs that were read, in the order of the listing, and whether there are more behind them.
    fn entries(&mut self, value: Value) -> Result<(Vec<Entry>, bool), Failure> {
        let mut reply = Reply::array(NAME, value)?;
        let has_more = reply.number()? == 1;
        if !self.is_by_chunk() {
            let entries = read_entries(reply.nested()?, 0)?;
            // Nothing can be behind what is not there.
            let has_more = has_more && !entries.is_empty();
            return Ok((entries, has_more));
        }
        let mut entries = Vec::new();
        let mut chunks = reply.nested()?;
        while chunks.len() > 0 {
            let mut parts = chunks.nested()?;
            let chunk = parts.number()?;
            self.from = format!("({chunk}").into_bytes();
            entries.extend(read_entries(parts.nested()?, chunk)?);
        }
        entries.sort_unstable_by_key(|entry| Reverse(entry.place));
        if let Some(last) = self.last {
            entries.retain(|entry| entry.place < last);
        }
        Ok((entries, has_more))
    }

    fn look_at(&mut self, value: Value) -> Result<(), Failure> {
        let (entries, mut has_more) = self.entries(value)?;
        for entry in entries {
            if self.is_full() {
                has_more = true;
                break;
            }
            self.looked_at += 1;
            self.last = Some(entry.place);
            if self.wanted.matches_record(&entry.view.record) {
                self.page.push(entry);
            }
        }
        if !has_more {
            self.end = Some(End::Nothing);
        } else if self.is_full() {
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
            jobs.extend(job_of(NAME, view.id, value)?.filter(|job| self.wanted.matches_job(job)));
        }
        let has_more = self.end.take() == Some(End::More);
        let cursor = self.last.filter(|_| has_more);
        Ok(Step::Done(Answer::Page(Page {
            jobs,
            cursor: cursor.map(|place| write(place, self.is_by_chunk())),
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

/// Jobs as `lib/listed.lua` gives them: id, record or its beginning, and the end of the lease for each.
fn read_entries(mut reply: Reply, chunk: u64) -> Result<Vec<Entry>, Failure> {
    let mut entries = Vec::with_capacity(reply.len() / 3);
    while reply.len() > 0 {
        let id = id_of(&reply.bytes()?).ok_or_else(|| missing(NAME, "id of a job"))?;
        let found = reply.value()?;
        let lease_until = match reply.value()? {
            Value::Nil => None,
            value => Some(score(NAME, &reply::bytes(NAME, value)?)?),
        };
        let is_cut = matches!(found, Value::Array(_));
        let record = read_record(id, found)?;
        let place = Place {
            chunk,
            created_at: record.created_at,
            id,
        };
        let view = View {
            id,
            record,
            lease_until,
        };
        entries.push(Entry {
            place,
            view,
            is_cut,
        });
    }
    Ok(entries)
}

/// A record, or its beginning where it is large: that is in an array, with a second member where it is no record.
fn read_record(id: JobId, found: Value) -> Result<Record, Failure> {
    let (bytes, read) = if let Value::Array(_) = found {
        let mut parts = Reply::array(NAME, found)?;
        let bytes = parts.bytes()?;
        let read = match parts.take() {
            None => decode_head(&bytes),
            Some(_) => Err(Damage::Short),
        };
        (bytes, read)
    } else {
        let bytes = reply::bytes(NAME, found)?;
        let read = decode(&bytes);
        (bytes, read)
    };
    Ok(read.unwrap_or_else(|damage| shown(id, &bytes, damage)))
}

/// The cursor behind a job, which holds when the job is gone.
fn write(place: Place, is_by_chunk: bool) -> String {
    let Place {
        chunk,
        created_at,
        id,
    } = place;
    if is_by_chunk {
        format!("{chunk}.{created_at}.{id}")
    } else {
        format!("{created_at}.{id}")
    }
}

/// A cursor that is not one of this listing's is none: the page starts at the newest.
fn parse(cursor: &str, is_by_chunk: bool) -> Option<Place> {
    let (chunk, rest) = if is_by_chunk {
        let (chunk, rest) = cursor.split_once('.')?;
        (chunk.parse().ok()?, rest)
    } else {
        (0, cursor)
    };
    let (created_at, id) = rest.split_once('.')?;
    Some(Place {
        chunk,
        created_at: created_at.parse().ok()?,
        id: JobId::parse(id)?,
    })
}
