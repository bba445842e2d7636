//! A record as a reader sees it.

use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Body, Job, ResultBody};
use asyncendpoints_core::state::State;

use super::parts::{BodyAt, Damage, Record};
use crate::keys::BodyKind;

/// How long a key is remembered after its job's creation, at least, in milliseconds (IDM-4).
pub const KEY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A record whose bodies may still be missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct View {
    /// The job.
    pub id: JobId,
    /// Its record.
    pub record: Record,
    /// The end of its lease, which is not in the record.
    pub lease_until: Option<u64>,
}

impl Record {
    /// The bodies that lie in keys of their own.
    pub fn out(&self) -> impl Iterator<Item = BodyKind> {
        let result = self.life.as_ref().and_then(|life| life.result.as_ref());
        let places = [
            (BodyKind::Request, Some(&self.request)),
            (BodyKind::Payload, Some(&self.payload)),
            (BodyKind::Result, result.map(|result| &result.body)),
        ];
        places
            .into_iter()
            .filter(|(_, at)| *at == Some(&BodyAt::Out))
            .map(|(kind, _)| kind)
    }

    /// Those that a claim is answered with.
    pub(crate) fn out_of_claimed(&self) -> impl Iterator<Item = BodyKind> {
        self.out().filter(|kind| *kind != BodyKind::Result)
    }

    /// Put a body in its place that was read from its own key.
    pub fn fill(&mut self, kind: BodyKind, body: Body) {
        let place = match kind {
            BodyKind::Request => &mut self.request,
            BodyKind::Payload => &mut self.payload,
            BodyKind::Result => {
                let life = self.life.as_mut();
                let Some(result) = life.and_then(|life| life.result.as_mut()) else {
                    return;
                };
                &mut result.body
            }
        };
        *place = BodyAt::Here(body);
    }

    /// When payload and result go, once the job has ended.
    #[must_use]
    pub fn expires_at(&self) -> Option<u64> {
        let finished_at = self.life.as_ref()?.finished_at?;
        let kept_ms = match self.state {
            State::Completed => self.retention.completed_ms,
            _ => self.retention.failed_ms,
        };
        Some(finished_at.saturating_add(kept_ms))
    }

    /// When the record goes, once the job has ended: with its result, but a key is remembered for a day (IDM-4).
    #[must_use]
    pub fn forgotten_at(&self) -> Option<u64> {
        let expires_at = self.expires_at()?;
        if self.names.idempotency.is_none() {
            return Some(expires_at);
        }
        Some(expires_at.max(self.created_at.saturating_add(KEY_MS)))
    }
}

fn here(body: BodyAt) -> Result<Option<Body>, Damage> {
    match body {
        BodyAt::None => Ok(None),
        BodyAt::Here(body) => Ok(Some(body)),
        BodyAt::Out => Err(Damage::BodyGone),
    }
}

impl View {
    /// The job, when all its bodies are there.
    ///
    /// # Errors
    ///
    /// [`Damage::BodyGone`] where one is not.
    pub fn job(self) -> Result<Job, Damage> {
        let Self {
            id,
            record,
            lease_until,
        } = self;
        let expires_at = record.expires_at();
        let names = record.names;
        let is_scheduled = record.state == State::Scheduled;
        let mut job = Job {
            id,
            handler: names.handler,
            queue: names.queue,
            state: record.state,
            version: u64::from(record.version),
            priority: record.priority,
            attempt: record.attempt,
            max_attempts: record.max_attempts,
            timeout_ms: names.timeout_ms,
            retention: record.retention,
            created_at: record.created_at,
            scheduled_at: (names.delay_ms > 0)
                .then(|| record.created_at.saturating_add(names.delay_ms)),
            due_at: is_scheduled.then_some(record.ready_at),
            started_at: None,
            finished_at: None,
            updated_at: record.updated_at,
            expires_at,
            cancel_requested_at: None,
            fence: 0,
            lease_until: lease_until.filter(|_| record.state == State::InProgress),
            idempotency: names.idempotency,
            owner: names.owner,
            redrive_of: names.redrive_of,
            origin: names.origin,
            progress: None,
            result: None,
            error: None,
            runs: Vec::new(),
            request: here(record.request)?,
            payload: here(record.payload)?,
            stripped: record.stripped,
        };
        if let Some(life) = record.life {
            job.started_at = life.started_at;
            job.finished_at = life.finished_at;
            job.cancel_requested_at = life.cancel_requested_at;
            job.fence = u64::from(life.fence);
            job.progress = life.progress;
            job.runs = life.runs;
            if let Some(result) = life.result {
                job.result = Some(ResultBody {
                    body: here(result.body)?,
                    meta: result.meta,
                });
            }
            if job.state == State::Failed {
                job.error = job.runs.last().and_then(|run| run.error.clone());
            }
        }
        Ok(job)
    }
}
