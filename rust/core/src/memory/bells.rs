//! Whom to wake: gathered by the operations, taken away after each.

use std::collections::HashMap;
use std::sync::Arc;

use super::hashing::{Hashing, IdHashing};
use super::queues::Queue;
use crate::answer::{CancelNotice, Wakes};
use crate::ids::JobId;

#[derive(Debug)]
struct Watch {
    watchers: usize,
    /// Its change is among the wakes that have not been taken yet.
    told: bool,
}

#[derive(Debug)]
pub(super) struct Bells {
    watches: HashMap<JobId, Watch, IdHashing>,
    wakes: Wakes,
}

impl Bells {
    pub(super) fn new(hashing: &Hashing) -> Self {
        Self {
            watches: HashMap::with_hasher(hashing.of_ids()),
            wakes: Wakes::default(),
        }
    }

    pub(super) fn watched(&self) -> usize {
        self.watches.len()
    }

    pub(super) fn watch(&mut self, id: JobId) {
        self.watches
            .entry(id)
            .or_insert(Watch {
                watchers: 0,
                told: false,
            })
            .watchers += 1;
    }

    pub(super) fn unwatch(&mut self, id: JobId) {
        if let Some(watch) = self.watches.get_mut(&id) {
            watch.watchers -= 1;
            if watch.watchers == 0 {
                self.watches.remove(&id);
            }
        }
    }

    /// A job's version has changed, or the job is gone.
    pub(super) fn changed(&mut self, id: JobId) {
        if self.watches.is_empty() {
            return;
        }
        if let Some(watch) = self.watches.get_mut(&id).filter(|watch| !watch.told) {
            watch.told = true;
            self.wakes.changed.push(id);
        }
    }

    /// There is something new to claim from a queue, or it is due earlier than was told.
    pub(super) fn ready(&mut self, queue: &mut Queue) {
        if queue.armed && !queue.paused {
            queue.armed = false;
            self.wakes.ready_queues.push(Arc::clone(&queue.name));
        }
    }

    pub(super) fn cancel(&mut self, notice: CancelNotice) {
        self.wakes.cancels.push(notice);
    }

    pub(super) const fn any(&self) -> bool {
        !(self.wakes.ready_queues.is_empty()
            && self.wakes.changed.is_empty()
            && self.wakes.cancels.is_empty())
    }

    pub(super) fn take(&mut self) -> Wakes {
        for id in &self.wakes.changed {
            if let Some(watch) = self.watches.get_mut(id) {
                watch.told = false;
            }
        }
        std::mem::take(&mut self.wakes)
    }
}
