//! The way from Python's threads to the I/O thread: a queue, and a bell that rings once for a batch.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, Value, cmd};
use tokio::sync::Notify;

use super::failed::CallFailed;
use super::reply::Reply;
use crate::request::Request;

/// A request that nobody has begun to serve, and who waits for it.
pub(crate) type Item = (Reply, Request);

#[derive(Default)]
struct Queue {
    items: Vec<Item>,
    closed: bool,
}

/// Requests that go over one connection.
#[derive(Default)]
pub(crate) struct Lane {
    queue: Mutex<Queue>,
    bell: Notify,
    /// How many replicas must confirm what goes over it.
    replicas: u32,
}

impl Lane {
    pub(crate) fn new(replicas: u32) -> Self {
        Self {
            replicas,
            ..Self::default()
        }
    }

    /// Put a request in; it is given back where the lane is closed.
    pub(crate) fn push(&self, item: Item) -> Option<Item> {
        let mut queue = self.locked();
        if queue.closed {
            return Some(item);
        }
        queue.items.push(item);
        None
    }

    /// Whether something waits to be taken.
    pub(crate) fn has_items(&self) -> bool {
        !self.locked().items.is_empty()
    }

    /// Wake the I/O thread.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Return when the bell has rung.
    pub(crate) async fn ready(&self) {
        self.bell.notified().await;
    }

    pub(crate) fn take(&self) -> Vec<Item> {
        std::mem::take(&mut self.locked().items)
    }

    /// Take no more, and give back what is left.
    pub(crate) fn close(&self) -> Vec<Item> {
        let mut queue = self.locked();
        queue.closed = true;
        std::mem::take(&mut queue.items)
    }

    fn locked(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What follows the calls of a pipeline, so that replicas confirm them.
    ///
    /// It holds up whatever comes after it on the connection, which is why submissions have one of their own then.
    pub(crate) fn confirmation(&self, timeout: Duration) -> Option<Cmd> {
        let patience = u64::try_from(timeout.as_millis() * 4 / 5).unwrap_or(u64::MAX);
        (self.replicas > 0).then(|| {
            let mut wait = cmd("WAIT");
            wait.arg(self.replicas).arg(patience.max(1));
            wait
        })
    }

    /// Take the reply to the confirmation off the end; what is missing, if anything is.
    pub(crate) fn lacking(&self, replies: &mut Vec<Value>) -> Option<CallFailed> {
        if self.replicas == 0 {
            return None;
        }
        let confirmed = match replies.pop() {
            Some(Value::Int(confirmed)) => u64::try_from(confirmed).unwrap_or(0),
            _ => 0,
        };
        (confirmed < u64::from(self.replicas)).then_some(CallFailed::NotReplicated {
            confirmed,
            wanted: self.replicas,
        })
    }
}
