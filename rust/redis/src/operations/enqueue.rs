//! Enqueue.

use std::sync::Arc;

use asyncendpoints_core::answer::Enqueued;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Idempotency, Job, NewJob};
use asyncendpoints_core::state::State;
use redis::Value;

use super::parts::{
    BYTES_A_CALL, Fetch, JOBS_A_CALL, Queues, code, number, score, six_bytes, time,
};
use super::unreadable::as_failed;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{BodyKind, KeySpace, id_bytes, id_of};
use crate::record::{NewRecord, View, around_times, decode, new_view};
use crate::reply::Reply;
use crate::request::Answer;
use crate::script::{Access, Script, compose};

pub(super) static SCRIPT: Script = Script::new(
    "enqueue",
    Access::Grows,
    "shard (ready due)* body*",
    "now:time max_queued:number? scheduled:state queued:state queues:number queue:name* \
     (id:id facts:packed record:bytes digest:bytes? origin:id? body:bytes*)*",
    compose!("enqueue": "keys" "now" "record" "rank" "writes" "wake" "list" "family"),
);

const NAME: &str = "enqueue";

/// How often it is looked when a job that it replays loses a body between two looks, as one that is pruned does. One that
/// still lacks it then has lost it for good.
const TRIES: usize = 3;

const KEYED: u8 = 1;
const HAS_ORIGIN: u8 = 2;

/// Stores jobs.
pub(crate) struct Enqueue {
    space: Arc<KeySpace>,
    jobs: Vec<NewJob>,
    max_queued: Option<u64>,
    now: Option<u64>,
    tries: usize,
    /// What is answered, when the bodies of jobs that had been stored before are here.
    found: Vec<Found>,
    fetch: Fetch,
}

/// What the script said of a job.
enum Found {
    Stored { now: u64 },
    Known(Earlier),
    Seen(Earlier),
    Full,
}

/// A job that had been stored before.
enum Earlier {
    Read {
        view: Box<View>,
        bytes: Vec<u8>,
    },
    /// One that cannot be read, as readers see it.
    Unreadable(Box<Job>),
}

impl Earlier {
    fn of(id: JobId, bytes: Vec<u8>, lease: &[u8]) -> Result<Self, Failure> {
        let lease_until = if lease.is_empty() {
            None
        } else {
            Some(score(NAME, lease)?)
        };
        Ok(match decode(&bytes) {
            Ok(record) => {
                let view = Box::new(View {
                    id,
                    record,
                    lease_until,
                });
                Self::Read { view, bytes }
            }
            Err(damage) => Self::Unreadable(Box::new(as_failed(id, &bytes, damage))),
        })
    }

    /// Whether all its bodies are here.
    fn is_whole(&self) -> bool {
        match self {
            Self::Read { view, .. } => view.record.out().next().is_none(),
            Self::Unreadable(_) => true,
        }
    }

    fn job(self) -> Job {
        match self {
            Self::Read { view, bytes } => {
                let id = view.id;
                view.job()
                    .unwrap_or_else(|damage| as_failed(id, &bytes, damage))
            }
            Self::Unreadable(job) => *job,
        }
    }

    /// Answer the submission of a job whose key it has.
    fn replayed(self, wanted: Option<&Idempotency>) -> Enqueued {
        let is_read = matches!(self, Self::Read { .. });
        let job = self.job();
        // Where its key cannot be read either, the index of keys still says that it is this one.
        if wanted == job.idempotency.as_deref() || (!is_read && job.idempotency.is_none()) {
            Enqueued::Replayed(job)
        } else {
            Enqueued::KeyReused
        }
    }
}

impl Enqueue {
    pub(crate) fn new(
        space: Arc<KeySpace>,
        jobs: Vec<NewJob>,
        max_queued: Option<u64>,
        now: Option<u64>,
    ) -> Self {
        Self {
            space,
            jobs,
            max_queued,
            now,
            tries: 0,
            found: Vec::new(),
            fetch: Fetch::default(),
        }
    }

    fn calls(&self) -> Result<Vec<Call>, Failure> {
        let mut calls = Vec::new();
        let mut batch = Batch::default();
        for job in &self.jobs {
            batch.add(job)?;
            if batch.is_full() {
                calls.push(std::mem::take(&mut batch).call(self));
            }
        }
        if !batch.is_empty() {
            calls.push(batch.call(self));
        }
        Ok(calls)
    }

    fn read(&mut self, replies: Vec<Value>) -> Result<(), Failure> {
        for value in replies {
            let mut reply = Reply::array(NAME, value)?;
            let now = reply.number()?;
            let mut answers = reply.nested()?;
            while let Some(value) = answers.take() {
                let found = found(value, now)?;
                if let Found::Known(Earlier::Read { view, .. })
                | Found::Seen(Earlier::Read { view, .. }) = &found
                {
                    let out = view.record.out();
                    self.fetch.add(&self.space, self.found.len(), view.id, out);
                }
                self.found.push(found);
            }
        }
        if self.found.len() == self.jobs.len() {
            Ok(())
        } else {
            Err(crate::reply::missing(NAME, "answer for each job"))
        }
    }

    /// Put the bodies in their places; false where one is gone, so that what was found is out of date.
    fn fill(&mut self, replies: Vec<Value>) -> Result<bool, Failure> {
        let bodies = std::mem::take(&mut self.fetch).bodies(NAME, replies)?;
        for (index, kind, body) in bodies {
            if let Some(
                Found::Known(Earlier::Read { view, .. }) | Found::Seen(Earlier::Read { view, .. }),
            ) = self.found.get_mut(index)
            {
                view.record.fill(kind, body);
            }
        }
        let is_whole = |found: &Found| match found {
            Found::Known(earlier) | Found::Seen(earlier) => earlier.is_whole(),
            Found::Stored { .. } | Found::Full => true,
        };
        Ok(self.found.iter().all(is_whole))
    }

    fn answer(&mut self) -> Answer {
        let jobs = std::mem::take(&mut self.jobs);
        let found = std::mem::take(&mut self.found);
        let answers = jobs.into_iter().zip(found).map(|(job, found)| match found {
            Found::Stored { now } => Enqueued::Created(as_stored(job, now)),
            Found::Known(earlier) => Enqueued::Created(earlier.job()),
            Found::Seen(earlier) => earlier.replayed(job.idempotency.as_deref()),
            Found::Full => Enqueued::QueueFull,
        });
        Answer::Enqueued(answers.collect())
    }

    fn step(&mut self, replies: Vec<Value>) -> Result<Step, Failure> {
        if self.found.is_empty() {
            self.read(replies)?;
            if !self.fetch.is_empty() {
                return Ok(Step::Send(self.fetch.calls()));
            }
        } else if !self.fill(replies)? && self.tries + 1 < TRIES {
            self.found.clear();
            self.tries += 1;
            return self.calls().map(Step::Send);
        }
        Ok(Step::Done(self.answer()))
    }
}

impl Conversation for Enqueue {
    fn begin(&mut self) -> Step {
        match self.calls() {
            Ok(calls) if calls.is_empty() => Step::Done(Answer::Enqueued(Vec::new())),
            Ok(calls) => Step::Send(calls),
            Err(failure) => Step::Failed(failure),
        }
    }

    fn resume(&mut self, replies: Vec<Value>) -> Step {
        self.step(replies).unwrap_or_else(Step::Failed)
    }
}

/// The jobs of one script call.
#[derive(Default)]
struct Batch {
    queues: Queues,
    jobs: usize,
    bytes: usize,
    arguments: Vec<Vec<u8>>,
    bodies: Vec<(JobId, BodyKind)>,
}

impl Batch {
    fn add(&mut self, job: &NewJob) -> Result<(), Failure> {
        let record = NewRecord::of(job)?;
        let shape = if job.idempotency.is_some() { KEYED } else { 0 }
            | if job.origin.is_some() { HAS_ORIGIN } else { 0 };
        let [first, second, rest] = around_times(&record.bytes);
        let mut facts = Vec::with_capacity(24);
        facts.extend_from_slice(&six_bytes(job.delay_ms));
        facts.extend_from_slice(&self.queues.number(&job.queue).to_le_bytes());
        facts.push(shape);
        facts.push(u8::try_from(record.out.len()).unwrap_or(u8::MAX));
        facts.extend_from_slice(first);
        facts.extend_from_slice(second);
        self.bytes += record.bytes.len();
        self.arguments.push(id_bytes(job.id).to_vec());
        self.arguments.push(facts);
        self.arguments.push(rest.to_vec());
        if let Some(idempotency) = &job.idempotency {
            self.arguments.push(digest(idempotency).to_vec());
        }
        if let Some(origin) = job.origin {
            self.arguments.push(id_bytes(origin).to_vec());
        }
        for (kind, body) in record.out {
            self.bytes += body.len();
            self.arguments.push(body.to_vec());
            self.bodies.push((job.id, kind));
        }
        self.jobs += 1;
        Ok(())
    }

    const fn is_empty(&self) -> bool {
        self.jobs == 0
    }

    const fn is_full(&self) -> bool {
        self.jobs >= JOBS_A_CALL || self.bytes >= BYTES_A_CALL
    }

    fn call(self, of: &Enqueue) -> Call {
        let mut keys = self.queues.keys(&of.space);
        keys.extend(
            self.bodies
                .iter()
                .map(|(id, kind)| of.space.body(*id, *kind)),
        );
        let mut args = Vec::with_capacity(5 + self.queues.names().len() + self.arguments.len());
        args.push(time(of.now));
        args.push(of.max_queued.map_or_else(Vec::new, number));
        args.push(code(State::Scheduled));
        args.push(code(State::Queued));
        self.queues.arguments(&mut args);
        args.extend(self.arguments);
        Call::Script {
            script: &SCRIPT,
            keys,
            args,
        }
    }
}

fn found(value: Value, now: u64) -> Result<Found, Failure> {
    match value {
        Value::BulkString(word) if word == b"stored" => Ok(Found::Stored { now }),
        Value::BulkString(word) if word == b"full" => Ok(Found::Full),
        other => {
            let mut earlier = Reply::array(NAME, other)?;
            let word = earlier.bytes()?;
            let id = id_of(&earlier.bytes()?)
                .ok_or_else(|| crate::reply::missing(NAME, "id of an earlier job"))?;
            let found = Earlier::of(id, earlier.bytes()?, &earlier.bytes()?)?;
            match &*word {
                b"known" => Ok(Found::Known(found)),
                b"seen" => Ok(Found::Seen(found)),
                _ => Err(crate::reply::missing(NAME, "word for an earlier job")),
            }
        }
    }
}

fn as_stored(job: NewJob, now: u64) -> Job {
    // What was handed in is here, so no body is missing.
    new_view(job, now).job().expect("a new job is whole")
}

/// Where a scope and key are looked up. Both are part of the record, so two of the same digest are still told apart.
#[must_use]
pub(crate) fn digest(idempotency: &Idempotency) -> [u8; 20] {
    let mut sha = sha1_smol::Sha1::new();
    sha.update(&(idempotency.scope.len() as u64).to_le_bytes());
    sha.update(idempotency.scope.as_bytes());
    sha.update(idempotency.key.as_bytes());
    sha.digest().bytes()
}
