//! `RedisTransport`: the I/O thread's side door for Python. Each call returns a number at once; its answer arrives in
//! the mailbox.

use std::sync::Arc;
use std::time::Duration;

use asyncendpoints_core::ids::JobId;
use asyncendpoints_redis::request::{Operation, Request};
use asyncendpoints_redis::transport::{Address, Channel, Config, Identity, Tls, Transport};
use pyo3::prelude::*;
use pyo3::types::PyString;

use super::keeper::RedisKeeper;
use super::mailbox::RedisMailbox;
use super::questions::{JobFilter, Report};
use crate::convert::{Whole, body, moment};
use crate::errors::ConfigurationError;
use crate::new_job::NewJob;
use crate::settlement::Settlement;

/// The way to one Redis server. Making it starts nothing; the thread starts at the first `flush`.
///
/// The methods that ask the store return the call's number, or None where no job can have that name. Nothing is sent
/// before `flush`.
#[pyclass(frozen, module = "asyncendpoints._core")]
pub(crate) struct RedisTransport(Transport);

impl RedisTransport {
    fn ask(
        &self,
        mailbox: &RedisMailbox,
        operation: Operation,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        let now = moment("now", now)?;
        Ok(self.0.call(&mailbox.0, Request { operation, now }))
    }

    /// Ask about a job, if there can be one of that name.
    fn about(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        now: Option<Whole>,
        operation: impl FnOnce(JobId) -> Operation,
    ) -> PyResult<Option<u64>> {
        JobId::parse(job_id)
            .map(|id| self.ask(mailbox, operation(id), now))
            .transpose()
    }
}

#[pymethods]
#[allow(
    clippy::too_many_arguments,
    clippy::needless_pass_by_value,
    reason = "arguments are as Python passes them, and extracted ones are owned"
)]
impl RedisTransport {
    #[new]
    #[pyo3(signature = (
        *, host, port, tls, path, username, password, database, namespace, timeout_ms, wait_replicas, ca=None,
        cert=None, key=None,
    ))]
    fn new(
        host: &str,
        port: u16,
        tls: bool,
        path: Option<&str>,
        username: Option<String>,
        password: Option<String>,
        database: i64,
        namespace: &str,
        timeout_ms: Whole,
        wait_replicas: u32,
        ca: Option<Vec<u8>>,
        cert: Option<Vec<u8>>,
        key: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        let address = match path {
            Some(path) => Address::Unix(path.into()),
            None => Address::Tcp {
                host: host.to_owned(),
                port,
                tls: tls.then(|| Tls {
                    roots: ca,
                    identity: cert.zip(key).map(|(chain, key)| Identity { chain, key }),
                }),
            },
        };
        let config = Config {
            address,
            username,
            password,
            database,
            namespace: namespace.to_owned(),
            timeout: Duration::from_millis(timeout_ms.milliseconds("timeout_ms")?),
            wait_replicas,
        };
        let transport = Transport::new(config).map_err(ConfigurationError::new_err)?;
        Ok(Self(transport))
    }

    /// Make a mailbox; it hears every notice, too.
    fn mailbox(&self) -> PyResult<RedisMailbox> {
        Ok(RedisMailbox(self.0.mailbox()?))
    }

    /// Send what was asked since the last time.
    fn flush(&self) -> PyResult<()> {
        Ok(self.0.flush()?)
    }

    fn keeper(&self, worker: &str, lease_ms: Whole, max_stall_ms: Whole) -> PyResult<RedisKeeper> {
        let lease_ms = lease_ms.milliseconds("lease_ms")?;
        let max_stall_ms = max_stall_ms.milliseconds("max_stall_ms")?;
        Ok(RedisKeeper(self.0.keeper(worker, lease_ms, max_stall_ms)))
    }

    /// Hear of work in queues, and of cancels of a worker's runs.
    fn listen(&self, worker: &str, queues: Vec<String>) -> PyResult<()> {
        Ok(self.0.listen(channels(worker, &queues))?)
    }

    /// Hear of them no more.
    fn hush(&self, worker: &str, queues: Vec<String>) {
        self.0.hush(channels(worker, &queues));
    }

    /// Hear of changes of watched jobs; once it does so, the call is answered.
    fn listen_for_changes(&self, mailbox: &RedisMailbox) -> PyResult<u64> {
        self.0.listen([Channel::Changed])?;
        Ok(self.0.when_heard(&mailbox.0))
    }

    /// End everything; the call is answered when that is done.
    fn close(&self, mailbox: &RedisMailbox) -> u64 {
        self.0.close(&mailbox.0)
    }

    fn ping(&self, mailbox: &RedisMailbox) -> PyResult<u64> {
        self.ask(mailbox, Operation::Ping, None)
    }

    fn enqueue(
        &self,
        mailbox: &RedisMailbox,
        jobs: Vec<Bound<'_, NewJob>>,
        max_queued: Option<Whole>,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        let max_queued = max_queued
            .map(|bound| bound.word("max_queued"))
            .transpose()?;
        let jobs = jobs.iter().map(|job| job.get().0.clone()).collect();
        self.ask(mailbox, Operation::Enqueue { jobs, max_queued }, now)
    }

    fn claim(
        &self,
        mailbox: &RedisMailbox,
        worker: &str,
        claim_id: &str,
        queues: Vec<String>,
        limit: Whole,
        lease_ms: Whole,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        self.0.tell(moment("now", now)?);
        self.0.beat(worker);
        let operation = Operation::Claim {
            worker: worker.into(),
            claim_id: claim_id.into(),
            queues: queues.into_iter().map(Arc::from).collect(),
            limit: limit.count("limit")?,
            lease_ms: lease_ms.milliseconds("lease_ms")?,
        };
        self.ask(mailbox, operation, now)
    }

    fn release_claim(
        &self,
        mailbox: &RedisMailbox,
        claim_id: &str,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        let claim_id = claim_id.into();
        self.ask(mailbox, Operation::ReleaseClaim { claim_id }, now)
    }

    /// Every job id must be one: ask `is_job_id` before.
    fn renew(
        &self,
        mailbox: &RedisMailbox,
        leases: Vec<(Bound<'_, PyString>, Whole)>,
        lease_ms: Whole,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        let leases = crate::replies::leases(&leases)?
            .into_iter()
            .filter_map(|(id, fence)| Some((id?, fence)))
            .collect();
        let lease_ms = lease_ms.milliseconds("lease_ms")?;
        self.ask(mailbox, Operation::Renew { leases, lease_ms }, now)
    }

    fn settle(
        &self,
        mailbox: &RedisMailbox,
        settlements: Vec<Bound<'_, Settlement>>,
        now: Option<Whole>,
    ) -> PyResult<u64> {
        let ends = settlements
            .iter()
            .map(|settlement| settlement.get().0.clone())
            .collect();
        self.ask(mailbox, Operation::Settle(ends), now)
    }

    fn expired(&self, mailbox: &RedisMailbox, limit: Whole, now: Option<Whole>) -> PyResult<u64> {
        self.0.tell(moment("now", now)?);
        let limit = limit.count("limit")?;
        self.ask(mailbox, Operation::Expired { limit }, now)
    }

    fn cancel(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        now: Option<Whole>,
    ) -> PyResult<Option<u64>> {
        self.about(mailbox, job_id, now, Operation::Cancel)
    }

    fn run_now(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        now: Option<Whole>,
    ) -> PyResult<Option<u64>> {
        self.about(mailbox, job_id, now, Operation::RunNow)
    }

    fn get(&self, mailbox: &RedisMailbox, job_id: &str) -> PyResult<Option<u64>> {
        self.about(mailbox, job_id, None, Operation::Get)
    }

    fn watch(&self, mailbox: &RedisMailbox, job_id: &str, version: Whole) -> PyResult<Option<u64>> {
        let version = version.word("version")?;
        self.about(mailbox, job_id, None, |id| Operation::Watch { id, version })
    }

    fn list(
        &self,
        mailbox: &RedisMailbox,
        r#where: JobFilter,
        cursor: Option<String>,
        limit: Whole,
    ) -> PyResult<u64> {
        let operation = Operation::List {
            filter: r#where.0,
            cursor,
            limit: limit.count("limit")?,
        };
        self.ask(mailbox, operation, None)
    }

    fn stats(&self, mailbox: &RedisMailbox, now: Option<Whole>) -> PyResult<u64> {
        self.ask(mailbox, Operation::Stats, now)
    }

    /// `kept` is for how many ms a sign of life is, how many ms a slot is, and how many slots are kept.
    fn report(
        &self,
        mailbox: &RedisMailbox,
        report: Report,
        kept: (Whole, Whole, Whole),
        now: Option<Whole>,
    ) -> PyResult<u64> {
        self.ask(mailbox, Operation::Report(report.told(kept)?), now)
    }

    fn reports(&self, mailbox: &RedisMailbox, since: Whole, now: Option<Whole>) -> PyResult<u64> {
        let since = since.word("since")?;
        self.ask(mailbox, Operation::Reports { since }, now)
    }

    fn strip(&self, mailbox: &RedisMailbox, limit: Whole, now: Option<Whole>) -> PyResult<u64> {
        let limit = limit.count("limit")?;
        self.ask(mailbox, Operation::Strip { limit }, now)
    }

    fn prune(&self, mailbox: &RedisMailbox, limit: Whole, now: Option<Whole>) -> PyResult<u64> {
        let limit = limit.count("limit")?;
        self.ask(mailbox, Operation::Prune { limit }, now)
    }

    fn delete(&self, mailbox: &RedisMailbox, job_id: &str) -> PyResult<Option<u64>> {
        self.about(mailbox, job_id, None, Operation::Delete)
    }

    fn progress(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        fence: Whole,
        body: &[u8],
        now: Option<Whole>,
    ) -> PyResult<Option<u64>> {
        let fence = fence.word("fence")?;
        self.about(mailbox, job_id, now, |id| Operation::Progress {
            id,
            fence,
            body: body.into(),
        })
    }

    fn reserve(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        fence: Whole,
        key: &str,
        nonce: &str,
        takeover: bool,
        now: Option<Whole>,
    ) -> PyResult<Option<u64>> {
        let fence = fence.word("fence")?;
        self.about(mailbox, job_id, now, |id| Operation::Reserve {
            id,
            fence,
            key: key.into(),
            nonce: nonce.into(),
            takeover,
        })
    }

    fn record(
        &self,
        mailbox: &RedisMailbox,
        job_id: &str,
        fence: Whole,
        key: &str,
        nonce: &str,
        value: Option<&[u8]>,
        now: Option<Whole>,
    ) -> PyResult<Option<u64>> {
        let fence = fence.word("fence")?;
        self.about(mailbox, job_id, now, |id| Operation::Record {
            id,
            fence,
            key: key.into(),
            nonce: nonce.into(),
            value: body(value),
        })
    }

    fn pause(&self, mailbox: &RedisMailbox, queue: &str, paused: bool) -> PyResult<u64> {
        let queue = queue.into();
        self.ask(mailbox, Operation::Pause { queue, paused }, None)
    }

    /// What the server says of itself that concerns durability.
    fn inspect(&self, mailbox: &RedisMailbox) -> PyResult<u64> {
        self.ask(mailbox, Operation::Inspect, None)
    }

    /// Compare records and indexes with each other, a page at a time.
    fn check(&self, mailbox: &RedisMailbox, cursor: Option<String>, limit: Whole) -> PyResult<u64> {
        let limit = limit.count("limit")?;
        self.ask(mailbox, Operation::Check { cursor, limit }, None)
    }
}

fn channels(worker: &str, queues: &[String]) -> impl Iterator<Item = Channel> {
    let queues = queues
        .iter()
        .map(|queue| Channel::Ready(queue.as_str().into()));
    std::iter::once(Channel::Worker(worker.into())).chain(queues)
}
