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
use super::store;
use super::unreadable::as_failed;
use crate::call::Call;
use crate::conversation::{Conversation, Failure, Step};
use crate::keys::{KeySpace, id_bytes, id_of};
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
    compose!("enqueue": "keys" "words" "now" "record" "rank" "writes" "wake" "list" "family"),
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
    /// Whether the jobs of a call have turned out not to be alike.
    are_apart: bool,
    /// How many jobs the calls that are under way have.
    sizes: Vec<usize>,
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
            are_apart: false,
            sizes: Vec::new(),
            found: Vec::new(),
            fetch: Fetch::default(),
        }
    }

    fn calls(&mut self) -> Result<Vec<Call>, Failure> {
        let mut batches = vec![Batch::default()];
        for job in &self.jobs {
            if batches.last().is_none_or(Batch::is_full) {
                batches.push(Batch::default());
            }
            if let Some(batch) = batches.last_mut() {
                batch.add(job)?;
            }
        }
        batches.retain(|batch| !batch.jobs.is_empty());
        self.sizes = batches.iter().map(|batch| batch.jobs.len()).collect();
        let calls = batches.into_iter().map(|batch| batch.call(self));
        Ok(calls.collect())
    }

    /// Read the replies to the calls; false where one has done nothing, because its jobs are not alike.
    fn read(&mut self, replies: Vec<Value>) -> Result<bool, Failure> {
        for (value, size) in replies.into_iter().zip(std::mem::take(&mut self.sizes)) {
            if let Value::Int(now) = value {
                let Ok(now @ 1..) = u64::try_from(now) else {
                    return Ok(false);
                };
                let stored = std::iter::repeat_with(|| Found::Stored { now });
                self.found.extend(stored.take(size));
                continue;
            }
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
            Ok(true)
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
            if !self.read(replies)? {
                return self.tell_apart();
            }
            if !self.fetch.is_empty() {
                return Ok(Step::Send(self.fetch.calls()));
            }
        } else if !self.fill(replies)? && self.tries + 1 < TRIES {
            self.tries += 1;
            return self.tell_apart();
        }
        Ok(Step::Done(self.answer()))
    }

    /// Ask again, for what becomes of each job.
    fn tell_apart(&mut self) -> Result<Step, Failure> {
        self.found.clear();
        self.fetch = Fetch::default();
        self.are_apart = true;
        self.calls().map(Step::Send)
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
struct Batch<'a> {
    jobs: Vec<(&'a NewJob, NewRecord)>,
    bytes: usize,
}

impl<'a> Batch<'a> {
    fn add(&mut self, job: &'a NewJob) -> Result<(), Failure> {
        let record = NewRecord::of(job)?;
        let bodies = record.out.iter().map(|(_, body)| body.len());
        self.bytes += record.bytes.len() + bodies.sum::<usize>();
        self.jobs.push((job, record));
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.jobs.len() >= JOBS_A_CALL || self.bytes >= BYTES_A_CALL
    }

    fn call(self, of: &Enqueue) -> Call {
        if !of.are_apart
            && let Some(call) = store::call(&of.space, &self.jobs, of.max_queued, of.now)
        {
            return call;
        }
        let mut queues = Queues::default();
        let (mut arguments, mut bodies) = (Vec::new(), Vec::new());
        for (job, record) in self.jobs {
            arguments.push(id_bytes(job.id).to_vec());
            arguments.push(facts(job, &record, &mut queues));
            let [_, _, rest] = around_times(&record.bytes);
            arguments.push(rest.to_vec());
            if let Some(idempotency) = &job.idempotency {
                arguments.push(digest(idempotency).to_vec());
            }
            if let Some(origin) = job.origin {
                arguments.push(id_bytes(origin).to_vec());
            }
            for (kind, body) in record.out {
                arguments.push(body.to_vec());
                bodies.push(of.space.body(job.id, kind));
            }
        }
        let mut keys = queues.keys(&of.space);
        keys.extend(bodies);
        let mut args = Vec::with_capacity(5 + queues.names().len() + arguments.len());
        args.push(time(of.now));
        args.push(of.max_queued.map_or_else(Vec::new, number));
        args.push(code(State::Scheduled));
        args.push(code(State::Queued));
        queues.arguments(&mut args);
        args.extend(arguments);
        Call::Script {
            script: &SCRIPT,
            keys,
            args,
        }
    }
}

/// What most jobs of a call have in common, packed.
fn facts(job: &NewJob, record: &NewRecord, queues: &mut Queues) -> Vec<u8> {
    let shape = if job.idempotency.is_some() { KEYED } else { 0 }
        | if job.origin.is_some() { HAS_ORIGIN } else { 0 };
    let [first, second, _] = around_times(&record.bytes);
    let mut facts = Vec::with_capacity(24);
    facts.extend_from_slice(&six_bytes(job.delay_ms));
    facts.extend_from_slice(&queues.number(&job.queue).to_le_bytes());
    facts.push(shape);
    facts.push(u8::try_from(record.out.len()).unwrap_or(u8::MAX));
    facts.extend_from_slice(first);
    facts.extend_from_slice(second);
    facts
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
