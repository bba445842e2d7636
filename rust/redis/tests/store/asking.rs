//! Short ways to ask.

use std::sync::Arc;

use asyncendpoints_core::answer::Enqueued;
use asyncendpoints_core::ids::JobId;
use asyncendpoints_core::job::{Idempotency, NewJob, Retention};
use asyncendpoints_redis::request::{Answer, Operation};

use crate::server::Server;

pub(crate) const NOW: u64 = 1_800_000_000_000;

/// The n-th id of a test.
pub(crate) fn id(number: u8) -> JobId {
    JobId::new(NOW, [number; 10])
}

/// A plain job.
pub(crate) fn job(number: u8) -> NewJob {
    NewJob {
        id: id(number),
        handler: "handler".into(),
        queue: "default".into(),
        priority: 0,
        delay_ms: 0,
        max_attempts: 3,
        timeout_ms: 3_600_000,
        retention: Retention {
            completed_ms: 86_400_000,
            failed_ms: 604_800_000,
        },
        idempotency: None,
        owner: None,
        request: None,
        payload: Some(Arc::from(&[7_u8; 100][..])),
        redrive_of: None,
        origin: None,
    }
}

pub(crate) fn keyed(number: u8, key: &str, fingerprint: u8) -> NewJob {
    NewJob {
        idempotency: Some(Box::new(Idempotency {
            scope: "scope".into(),
            key: key.into(),
            fingerprint: [fingerprint; 32],
        })),
        ..job(number)
    }
}

impl Server {
    pub(crate) fn enqueue(
        &mut self,
        jobs: Vec<NewJob>,
        max_queued: Option<u64>,
        now: u64,
    ) -> Vec<Enqueued> {
        match self.ask(Operation::Enqueue { jobs, max_queued }, now) {
            Answer::Enqueued(answers) => answers,
            other => panic!("{other:?}"),
        }
    }
}
