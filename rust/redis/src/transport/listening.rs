//! What the store tells without being asked: subscriptions over a connection of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use asyncendpoints_core::ids::JobId;
use futures_util::StreamExt;
use redis::aio::{PubSub, PubSubSink, PubSubStream};
use redis::{Msg, RedisError, RedisResult};
use tokio::sync::{Notify, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::backoff::Backoff;
use super::failed::CallFailed;
use super::link::told;
use super::reply::Reply;
use super::shared::{Shared, closed};
use super::socket::Dialer;
use crate::keys::{KeySpace, id_of};
use crate::request::{Answer, Notice};

/// After how much silence the connection is tried.
const PING_AFTER: Duration = Duration::from_secs(10);

/// What may be listened to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Channel {
    /// Work in a queue.
    Ready(Arc<str>),
    /// Changes of watched jobs.
    Changed,
    /// Cancels of a worker's runs.
    Worker(Arc<str>),
}

impl Channel {
    fn name(&self, space: &KeySpace) -> Vec<u8> {
        match self {
            Self::Ready(queue) => space.ready_channel(queue),
            Self::Changed => space.changed_channel(),
            Self::Worker(worker) => space.worker_channel(worker),
        }
    }

    /// What a message says.
    fn notices(&self, message: &[u8]) -> Vec<Notice> {
        match self {
            Self::Ready(queue) => vec![Notice::Ready(Arc::clone(queue))],
            Self::Changed => message
                .chunks_exact(16)
                .filter_map(id_of)
                .map(Notice::Changed)
                .collect(),
            Self::Worker(worker) => canceled(message)
                .map(|(id, fence)| Notice::Cancel {
                    worker: Arc::clone(worker),
                    id,
                    fence,
                })
                .into_iter()
                .collect(),
        }
    }
}

/// The run to cancel: the job's sixteen bytes, then the fence in decimal digits.
fn canceled(message: &[u8]) -> Option<(JobId, u64)> {
    let (id, fence) = message.split_at_checked(16)?;
    let fence = std::str::from_utf8(fence).ok()?.parse().ok()?;
    Some((id_of(id)?, fence))
}

#[derive(Default)]
struct Wishes {
    /// How many want each channel.
    channels: BTreeMap<Channel, usize>,
    /// Who wants to know that everything wished for so far is heard.
    waiting: Vec<Reply>,
    /// Nothing will be heard any more.
    closed: bool,
}

/// Which channels somebody wants to hear.
#[derive(Default)]
pub(crate) struct Listening {
    wishes: Mutex<Wishes>,
    changed: Notify,
}

impl Listening {
    pub(crate) fn begin(&self, channels: impl IntoIterator<Item = Channel>) {
        let mut wishes = self.locked();
        for channel in channels {
            *wishes.channels.entry(channel).or_default() += 1;
        }
        drop(wishes);
        self.changed.notify_one();
    }

    pub(crate) fn end(&self, channels: impl IntoIterator<Item = Channel>) {
        let mut wishes = self.locked();
        for channel in channels {
            if let Some(count) = wishes.channels.get_mut(&channel) {
                *count -= 1;
                if *count == 0 {
                    wishes.channels.remove(&channel);
                }
            }
        }
        drop(wishes);
        self.changed.notify_one();
    }

    /// Answer once everything that is wished for is heard.
    pub(crate) fn when_heard(&self, reply: Reply) {
        let mut wishes = self.locked();
        if wishes.closed {
            drop(wishes);
            reply.answer_now(Err(CallFailed::Closed));
            return;
        }
        wishes.waiting.push(reply);
        drop(wishes);
        self.changed.notify_one();
    }

    /// Tell everybody that it is over, those who come later too.
    pub(crate) fn close(&self) {
        let mut wishes = self.locked();
        wishes.closed = true;
        let waiting = std::mem::take(&mut wishes.waiting);
        drop(wishes);
        for reply in waiting {
            reply.answer_now(Err(CallFailed::Closed));
        }
    }

    fn wished(&self) -> Vec<Channel> {
        self.locked().channels.keys().cloned().collect()
    }

    fn is_idle(&self) -> bool {
        let wishes = self.locked();
        wishes.channels.is_empty() && wishes.waiting.is_empty()
    }

    fn take_waiting(&self) -> Vec<Reply> {
        std::mem::take(&mut self.locked().waiting)
    }

    fn locked(&self) -> MutexGuard<'_, Wishes> {
        self.wishes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How listening over one connection ended.
enum End {
    Closed,
    Lost(Arc<str>),
}

impl From<RedisError> for End {
    fn from(error: RedisError) -> Self {
        Self::Lost(told(&error))
    }
}

/// Listen until the transport is closed, over one connection after the other.
pub(crate) async fn listen(shared: Arc<Shared>, dialer: Dialer) {
    let mut closing = shared.closing();
    let mut backoff = Backoff::default();
    // Whether it was said that nothing is heard.
    let mut is_told = false;
    loop {
        while shared.listening.is_idle() {
            tokio::select! {
                () = shared.listening.changed.notified() => {}
                () = closed(&mut closing) => return,
            }
        }
        let mut has_begun = false;
        let connected = timeout(shared.config.timeout, async {
            PubSub::new(dialer.settings(), dialer.dial().await?).await
        });
        let connected = tokio::select! {
            connected = connected => connected,
            () = closed(&mut closing) => return,
        };
        let end = match connected {
            Ok(Ok(connection)) => {
                let (sink, stream) = connection.split();
                let hearing = Hearing {
                    shared: &shared,
                    sink,
                    stream,
                    heard: BTreeMap::new(),
                    backoff: &mut backoff,
                    has_begun: &mut has_begun,
                };
                hearing.go_on(&mut closing).await
            }
            Ok(Err(error)) => error.into(),
            Err(_) => End::Lost("it does not answer".into()),
        };
        let End::Lost(reason) = end else {
            return;
        };
        tell_why(&shared, &reason);
        // A connection that was lost is no news: the next may be had at once.
        if has_begun {
            is_told = false;
        } else if !is_told {
            is_told = true;
            shared.announce([Notice::Unheard(Arc::clone(&reason))]);
        }
        let next = Instant::now() + backoff.pause();
        loop {
            tokio::select! {
                () = sleep_until(next) => break,
                // Whoever comes after a refusal is not kept waiting for the next one.
                () = shared.listening.changed.notified(), if !has_begun => tell_why(&shared, &reason),
                () = closed(&mut closing) => return,
            }
        }
    }
}

/// Tell those who wait to hear everything why they do not.
fn tell_why(shared: &Shared, reason: &Arc<str>) {
    for waiting in shared.listening.take_waiting() {
        waiting.answer_now(Err(CallFailed::Unreachable {
            address: shared.config.address.to_string(),
            reason: Arc::clone(reason),
        }));
    }
}

/// Listening over one connection.
struct Hearing<'a> {
    shared: &'a Shared,
    sink: PubSubSink,
    stream: PubSubStream,
    /// The channels that the server has confirmed, by name.
    heard: BTreeMap<Vec<u8>, Channel>,
    backoff: &'a mut Backoff,
    has_begun: &'a mut bool,
}

impl Hearing<'_> {
    async fn go_on(mut self, closing: &mut watch::Receiver<bool>) -> End {
        if let Err(end) = self.follow(true).await {
            return end;
        }
        self.backoff.reset();
        *self.has_begun = true;
        let mut ping_at = Instant::now() + PING_AFTER;
        loop {
            let step = tokio::select! {
                message = self.stream.next() => match message {
                    Some(message) => {
                        ping_at = Instant::now() + PING_AFTER;
                        self.hear(&message);
                        Ok(())
                    }
                    None => Err(End::Lost("the connection was closed".into())),
                },
                () = self.shared.listening.changed.notified() => self.follow(false).await,
                () = sleep_until(ping_at) => {
                    ping_at = Instant::now() + PING_AFTER;
                    self.ping().await
                }
                () = closed(closing) => Err(End::Closed),
            };
            if let Err(end) = step {
                return end;
            }
        }
    }

    /// Hear what is wished for now, and nothing else.
    async fn follow(&mut self, is_new: bool) -> Result<(), End> {
        // Taken first: whoever waits now is answered for what was wished before.
        let waiting = self.shared.listening.take_waiting();
        let followed = self.follow_wishes(is_new).await;
        for reply in waiting {
            match &followed {
                Ok(()) => reply.answer_now(Ok(Answer::Done)),
                // It is told why, with those who have come meanwhile.
                Err(_) => self.shared.listening.when_heard(reply),
            }
        }
        followed
    }

    async fn follow_wishes(&mut self, is_new: bool) -> Result<(), End> {
        let space = &self.shared.space;
        let wished: BTreeMap<Vec<u8>, Channel> = self
            .shared
            .listening
            .wished()
            .into_iter()
            .map(|channel| (channel.name(space), channel))
            .collect();
        let lacking = |of: &BTreeMap<Vec<u8>, Channel>, other: &BTreeMap<Vec<u8>, Channel>| {
            let names = of.keys().filter(|name| !other.contains_key(*name));
            names.cloned().collect::<Vec<_>>()
        };
        let (begun, ended) = (lacking(&wished, &self.heard), lacking(&self.heard, &wished));
        if !begun.is_empty() {
            self.within(async |sink| sink.subscribe(&begun).await)
                .await?;
        }
        if !ended.is_empty() {
            self.within(async |sink| sink.unsubscribe(&ended).await)
                .await?;
        }
        // What was told before the server heard of the wish is lost: whoever listens looks once.
        if is_new {
            self.shared.announce([Notice::Reconnected]);
        } else {
            let queues = begun.iter().filter_map(|name| match &wished[name] {
                Channel::Ready(queue) => Some(Notice::Ready(Arc::clone(queue))),
                _ => None,
            });
            self.shared.announce(queues);
        }
        self.heard = wished;
        Ok(())
    }

    async fn ping(&mut self) -> Result<(), End> {
        self.within(async |sink| sink.ping::<redis::Value>().await.map(drop))
            .await
    }

    async fn within(
        &mut self,
        ask: impl AsyncFnOnce(&mut PubSubSink) -> RedisResult<()>,
    ) -> Result<(), End> {
        let mut closing = self.shared.closing();
        let answered = timeout(self.shared.config.timeout, ask(&mut self.sink));
        tokio::select! {
            answered = answered => match answered {
                Ok(answered) => Ok(answered?),
                Err(_) => Err(End::Lost("it does not answer".into())),
            },
            () = closed(&mut closing) => Err(End::Closed),
        }
    }

    fn hear(&self, message: &Msg) {
        if let Some(channel) = self.heard.get(message.get_channel_name().as_bytes()) {
            let notices = channel.notices(message.get_payload_bytes());
            self.shared.announce(notices);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::id_bytes;

    #[test]
    fn a_message_names_the_jobs_that_changed_and_the_run_to_cancel() {
        let job = JobId::new(1, [1; 10]);
        let other = JobId::new(2, [2; 10]);
        let both = [id_bytes(job), id_bytes(other)].concat();
        let changed = [Notice::Changed(job), Notice::Changed(other)];
        assert_eq!(Channel::Changed.notices(&both), changed);
        let worker: Arc<str> = "worker-1".into();
        let message = [&id_bytes(job)[..], b"7"].concat();
        let cancel = Notice::Cancel {
            worker: Arc::clone(&worker),
            id: job,
            fence: 7,
        };
        assert_eq!(Channel::Worker(worker).notices(&message), [cancel]);
    }

    #[test]
    fn a_message_that_is_not_understood_tells_nothing() {
        let worker = Channel::Worker("worker-1".into());
        for message in [&b""[..], b"short", &[0; 16], &[0xFF; 64]] {
            assert_eq!(worker.notices(message), []);
            assert_eq!(Channel::Changed.notices(message), []);
        }
    }
}
