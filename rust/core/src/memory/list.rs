//! The listing, newest first.

use super::MemoryStore;
use super::lane::Place;
use super::names::NameId;
use super::record::Record;
use super::slab::Slot;
use crate::answer::{JobFilter, Page};
use crate::ids::JobId;
use crate::state::State;

/// How many jobs a page looks at beyond those that it shows: what bounds its work.
const PASSED_OVER: usize = 1_000;

/// A filter whose names have been looked up.
struct Wanted<'a> {
    state: Option<State>,
    queue: Option<Slot>,
    handler: Option<NameId>,
    owner: Option<NameId>,
    request_id: Option<&'a str>,
}

impl Wanted<'_> {
    fn matches(&self, record: &Record) -> bool {
        self.state.is_none_or(|state| state == record.state)
            && self.queue.is_none_or(|queue| queue == record.queue)
            && self.handler.is_none_or(|handler| handler == record.handler)
            && self.owner.is_none_or(|owner| Some(owner) == record.owner)
            && self.request_id.is_none_or(|key| {
                record
                    .idempotency
                    .as_ref()
                    .is_some_and(|own| &*own.key == key)
            })
    }
}

impl MemoryStore {
    /// Show at most `limit` jobs, newest first, from where the cursor of an earlier page points.
    ///
    /// The work is bounded, so a page may be short, or even empty, and still carry a cursor. A cursor that is not one
    /// of this store's starts at the newest.
    #[must_use]
    pub fn list(&self, filter: &JobFilter<'_>, cursor: Option<&str>, limit: usize) -> Page {
        let mut page = Page {
            jobs: Vec::new(),
            cursor: None,
        };
        let Some(wanted) = self.wanted(filter) else {
            return page;
        };
        let lane = if wanted.state == Some(State::Failed) {
            &self.failed
        } else {
            &self.listing
        };
        let most = limit.saturating_add(PASSED_OVER);
        let newest = filter.created_before.map(Place::first_at);
        let from = match (cursor.and_then(parse), newest) {
            (Some(behind), Some(newest)) => Some(behind.min(newest)),
            (behind, newest) => behind.or(newest),
        };
        let mut last = None;
        for (seen, slot) in lane.backwards(from).enumerate() {
            let record = &self.jobs[slot];
            if filter
                .created_since
                .is_some_and(|since| record.created_at < since)
            {
                break;
            }
            if page.jobs.len() == limit || seen == most {
                page.cursor = last.map(write);
                break;
            }
            if wanted.matches(record) {
                page.jobs.push(self.view(record));
            }
            last = Some(record);
        }
        page
    }

    /// Look up the filter's names; `None` where no job can match, because one of them is unknown.
    fn wanted<'a>(&self, filter: &JobFilter<'a>) -> Option<Wanted<'a>> {
        let name = |text: &str| self.names.find(&self.hashing, text);
        Some(Wanted {
            state: filter.state,
            queue: match filter.queue {
                Some(queue) => Some(self.queues.find(&self.hashing, queue)?),
                None => None,
            },
            handler: match filter.handler {
                Some(handler) => Some(name(handler)?),
                None => None,
            },
            owner: match filter.owner {
                Some(owner) => Some(name(owner)?),
                None => None,
            },
            request_id: filter.request_id,
        })
    }
}

/// The cursor behind a job: its age and its id, so that it holds when the job is gone.
fn write(record: &Record) -> String {
    format!("{}.{}", record.created_at, record.id)
}

fn parse(cursor: &str) -> Option<Place> {
    let (created_at, id) = cursor.split_once('.')?;
    Some(Place::new(created_at.parse().ok()?, JobId::parse(id)?))
}
