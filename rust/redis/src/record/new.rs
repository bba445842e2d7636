//! A new job as a record. The script that stores it fills in the times and its place in the listing.

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, NewJob};
use asyncendpoints_core::state;

use super::parts::{BodyAt, Names, Record};
use super::{INLINE, View, encode};
use crate::conversation::Failure;
use crate::keys::BodyKind;

/// A new job, ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRecord {
    /// The job's id.
    pub id: JobId,
    /// The record, and what it says.
    pub bytes: Vec<u8>,
    /// The bodies that go to keys of their own.
    pub out: Vec<(BodyKind, Body)>,
}

/// The record of a new job at a time, as readers see it, and its bodies where they are.
#[must_use]
pub fn new_record(job: &NewJob, now: u64) -> Record {
    let place = |body: &Option<Body>| match body {
        None => BodyAt::None,
        Some(body) if body.len() > INLINE => BodyAt::Out,
        Some(body) => BodyAt::Here(Body::clone(body)),
    };
    Record {
        state: state::first(job.delay_ms),
        watched: false,
        stripped: false,
        attempt: 0,
        version: 1,
        updated_at: now,
        ready_at: now.saturating_add(job.delay_ms),
        max_attempts: job.max_attempts,
        priority: job.priority,
        created_at: now,
        chunk: 0,
        retention: job.retention,
        names: Names {
            queue: job.queue.clone(),
            handler: job.handler.clone(),
            timeout_ms: job.timeout_ms,
            delay_ms: job.delay_ms,
            owner: job.owner.clone(),
            idempotency: job.idempotency.clone(),
            redrive_of: job.redrive_of,
            origin: job.origin,
        },
        request: place(&job.request),
        payload: place(&job.payload),
        life: None,
    }
}

impl NewRecord {
    /// Pack a new job.
    ///
    /// # Errors
    ///
    /// [`Failure::TooLarge`] where a part is larger than its place allows.
    pub fn of(job: &NewJob) -> Result<Self, Failure> {
        let record = new_record(job, 0);
        let kept = |kind: BodyKind, at: &BodyAt, body: &Option<Body>| {
            let body = body.as_ref().filter(|_| *at == BodyAt::Out)?;
            Some((kind, Body::clone(body)))
        };
        let out = [
            kept(BodyKind::Request, &record.request, &job.request),
            kept(BodyKind::Payload, &record.payload, &job.payload),
        ];
        Ok(Self {
            id: job.id,
            bytes: encode(&record)?,
            out: out.into_iter().flatten().collect(),
        })
    }
}

/// What of a new record stands before, between and behind the times and the number of its chunk, which the script fills in.
pub(crate) fn around_times(record: &[u8]) -> [&[u8]; 3] {
    let part = |from: usize, to: usize| record.get(from..to).unwrap_or_default();
    [part(0, 9), part(21, 23), part(33, record.len())]
}

/// A new job at a time, as readers see it, its bodies in their places.
#[must_use]
pub fn new_view(job: NewJob, now: u64) -> View {
    let mut record = new_record(&job, now);
    for (kind, body) in [
        (BodyKind::Request, job.request),
        (BodyKind::Payload, job.payload),
    ] {
        if let Some(body) = body {
            record.fill(kind, body);
        }
    }
    View {
        id: job.id,
        record,
        lease_until: None,
    }
}
