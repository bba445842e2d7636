//! What readers ask about one job, and about the whole store.

use std::sync::Arc;

use super::MemoryStore;
use super::deadlines::Deadlines;
use super::lane::Place;
use crate::answer::QueueCounts;
use crate::ids::JobId;
use crate::job::Job;
use crate::lease::Lease;

impl MemoryStore {
    /// The job.
    #[must_use]
    pub fn get(&self, id: JobId) -> Option<Job> {
        Some(self.view(&self.jobs[self.find(id)?]))
    }

    /// For each queue that holds jobs, by name, how many are in each state.
    #[must_use]
    pub fn counts(&self) -> Vec<QueueCounts> {
        let holding = self
            .queues
            .iter()
            .filter(|(_, queue)| queue.counts.iter().any(|count| *count > 0));
        let mut counts: Vec<_> = holding
            .map(|(_, queue)| QueueCounts {
                queue: Arc::clone(&queue.name),
                counts: queue.counts,
            })
            .collect();
        counts.sort_unstable_by(|a, b| a.queue.cmp(&b.queue));
        counts
    }

    /// For each queue with jobs that could be claimed, by name, since when the one waits that has waited longest.
    ///
    /// A scheduled job whose time has come waits too: nobody has claimed since then.
    #[must_use]
    pub fn oldest_ready(&self, now: u64) -> Vec<(Arc<str>, u64)> {
        let ages = self.queues.iter().filter_map(|(_, queue)| {
            let due = queue
                .due
                .first()
                .map(Place::order)
                .filter(|due| *due <= now);
            let oldest = queue.ready.oldest().into_iter().chain(due).min()?;
            Some((Arc::clone(&queue.name), oldest))
        });
        let mut ages: Vec<_> = ages.collect();
        ages.sort_unstable();
        ages
    }

    /// The earliest time at which there is something to do: a job due, a lease past, a result or record to go.
    #[must_use]
    pub fn next_due(&self) -> Option<u64> {
        let due = self
            .queues
            .iter()
            .filter_map(|(_, queue)| queue.due.first())
            .map(Place::order);
        let lease = self
            .leases
            .first()
            .map(|(until, _)| Lease { fence: 0, until }.past_from());
        let retention = [&self.strips, &self.prunes]
            .into_iter()
            .filter_map(Deadlines::first);
        due.chain(lease)
            .chain(retention.map(|(time, _)| time))
            .min()
    }
}
