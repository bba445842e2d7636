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
struct Wanted {
    state: Option<State>,
    queue: Option<Slot>,
    handler: Option<NameId>,
    owner: Option<NameId>,
}

impl Wanted {
    fn matches(&self, record: &Record) -> bool {
        self.state.is_none_or(|state| state == record.state)
            && self.queue.is_none_or(|queue| queue == record.queue)
            && self.handler.is_none_or(|handler| handler == record.handler)
            && self.owner.is_none_or(|owner| Some(owner) == record.owner)
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
        let mut last = None;
        for (seen, slot) in lane.backwards(cursor.and_then(parse)).enumerate() {
            if page.jobs.len() == limit || seen == most {
                page.cursor = last.map(write);
                break;
            }
            let record = &self.jobs[slot];
            if wanted.matches(record) {
                page.jobs.push(self.view(record));
            }
            last = Some(record);
        }
        page
    }

    /// Look up the filter's names; `None` where no job can match, because one of them is unknown.
    fn wanted(&self, filter: &JobFilter<'_>) -> Option<Wanted> {
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
