//! What the threads of a transport share.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::config::Config;
use super::failed::CallFailed;
use super::keeper::Keepers;
use super::lane::Lane;
use super::listening::Listening;
use super::mailbox::{Mailbox, Outcome};
use super::reply::Reply;
use crate::keys::KeySpace;
use crate::request::{Notice, Operation, Request};

/// The one shard that there is.
const SHARD: u8 = 0;
/// A silence that says nothing, however short the leases are.
const SHORTEST: Duration = Duration::from_millis(200);
/// How long a connection gets to be there at least: it needs several answers.
const OPENING: Duration = Duration::from_secs(1);

pub(crate) struct Shared {
    pub(crate) config: Config,
    pub(crate) space: Arc<KeySpace>,
    pub(crate) keepers: Keepers,
    pub(crate) listening: Listening,
    /// The way of everything, except for submissions that replicas must confirm.
    pub(crate) lane: Arc<Lane>,
    /// The way of those.
    pub(crate) confirmed: Option<Arc<Lane>>,
    /// The way of what renews leases by itself: no body is ever before it, and its silence is noticed sooner.
    pub(crate) renewals: Arc<Lane>,
    numbers: AtomicU64,
    mailboxes: Mutex<Vec<Weak<Mailbox>>>,
    closing: watch::Sender<bool>,
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            space: Arc::new(KeySpace::new(&config.namespace, SHARD, config.database)),
            keepers: Keepers::default(),
            listening: Listening::default(),
            lane: Arc::default(),
            confirmed: (config.wait_replicas > 0)
                .then(|| Arc::new(Lane::new(config.wait_replicas))),
            renewals: Arc::default(),
            numbers: AtomicU64::new(1),
            mailboxes: Mutex::default(),
            closing: watch::Sender::new(false),
            config,
        }
    }

    /// Make a mailbox that hears every notice while somebody has it.
    pub(crate) fn mailbox(&self) -> io::Result<Arc<Mailbox>> {
        let mailbox = Arc::new(Mailbox::new()?);
        let mut mailboxes = self.known();
        mailboxes.retain(|mailbox| mailbox.strong_count() > 0);
        mailboxes.push(Arc::downgrade(&mailbox));
        Ok(mailbox)
    }

    pub(crate) fn announce(&self, notices: impl IntoIterator<Item = Notice>) {
        let notices: Vec<Notice> = notices.into_iter().collect();
        if notices.is_empty() {
            return;
        }
        let mailboxes: Vec<_> = self.known().iter().filter_map(Weak::upgrade).collect();
        for mailbox in mailboxes {
            mailbox.tell(&notices);
        }
    }

    fn known(&self) -> MutexGuard<'_, Vec<Weak<Mailbox>>> {
        self.mailboxes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn next_number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// Put a request where it goes out; the bell is not rung.
    pub(crate) fn push(&self, reply: Reply, request: Request) {
        let lane = match (&self.confirmed, &request.operation) {
            (Some(confirmed), Operation::Enqueue { .. }) => confirmed,
            _ => &self.lane,
        };
        if let Some((reply, _)) = lane.push((reply, request)) {
            reply.answer_now(Err(CallFailed::Closed));
        }
    }

    /// Wake the I/O thread for what waits; a lane in which nothing does is left asleep.
    pub(crate) fn ring(&self) {
        for lane in self.lanes().filter(|lane| lane.has_items()) {
            lane.ring();
        }
    }

    pub(crate) fn lanes(&self) -> impl Iterator<Item = &Arc<Lane>> {
        [&self.lane, &self.renewals]
            .into_iter()
            .chain(&self.confirmed)
    }

    /// After how long without a byte a lane's connection counts as dead, while somebody waits for an answer.
    pub(crate) fn patience(&self, lane: &Arc<Lane>) -> Duration {
        let timeout = self.config.timeout;
        if self
            .confirmed
            .as_ref()
            .is_some_and(|confirmed| Arc::ptr_eq(confirmed, lane))
        {
            // The server itself waits there, for its replicas.
            return timeout;
        }
        let usual = timeout / 2;
        if !Arc::ptr_eq(&self.renewals, lane) {
            return usual;
        }
        // A renewal that is lost leaves the time for another.
        let keepers = self.keepers.all();
        let every = keepers.iter().map(|keeper| keeper.every());
        every
            .min()
            .map_or(usual, |every| usual.min(every.max(SHORTEST)))
    }

    /// How long a lane's connection may take to be there.
    pub(crate) fn opening(&self, lane: &Arc<Lane>) -> Duration {
        let patience = (self.patience(lane) * 2).max(OPENING);
        patience.min(self.config.timeout)
    }

    /// Renew leases, by the server's clock; `None` where the transport ends meanwhile.
    pub(crate) async fn renew(&self, operation: Operation) -> Option<Outcome> {
        let (reply, answer) = Reply::to_task();
        let request = Request {
            operation,
            now: None,
        };
        if let Some((reply, _)) = self.renewals.push((reply, request)) {
            reply.answer_now(Err(CallFailed::Closed));
        }
        self.renewals.ring();
        answer.await.ok()
    }

    /// What says `true` once the transport is to end.
    pub(crate) fn closing(&self) -> watch::Receiver<bool> {
        self.closing.subscribe()
    }

    pub(crate) fn close(&self) {
        self.closing.send_replace(true);
    }
}

/// Return once the transport is to end.
pub(crate) async fn closed(closing: &mut watch::Receiver<bool>) {
    // Without a sender there is nothing left to serve.
    let _ = closing.wait_for(|closing| *closing).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::Address;

    #[test]
    fn a_connection_that_renews_is_given_up_while_there_is_time_for_another_renewal() {
        let shared = Shared::new(Config {
            address: Address::Unix("/nowhere".into()),
            username: None,
            password: None,
            database: 0,
            namespace: "default".to_owned(),
            timeout: Duration::from_secs(5),
            wait_replicas: 0,
        });
        let usual = Duration::from_millis(2_500);
        assert_eq!(shared.patience(&shared.renewals), usual);
        let _long = shared.keepers.add("worker-1", 60_000, 1);
        assert_eq!(shared.patience(&shared.renewals), usual);
        let _short = shared.keepers.add("worker-2", 3_000, 1);
        assert_eq!(shared.patience(&shared.renewals), Duration::from_secs(1));
        assert_eq!(shared.patience(&shared.lane), usual);
    }
}
