//! Jobs in order: by rank where they wait for a worker, by time where they wait for it, by age where they are listed.

use super::record::Record;
use super::slab::Slot;
use super::sorted::Sorted;
use crate::ids::JobId;

/// Where a job stands in a lane: a number, then its id.
///
/// The id is kept in halves, which need no padding: with its slot it has 32 bytes, and with a whole id it would have 48.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    order: u64,
    id_high: u64,
    id_low: u64,
}

impl Place {
    #[allow(
        clippy::cast_possible_truncation,
        reason = "the halves are what is wanted"
    )]
    pub(super) const fn new(order: u64, id: JobId) -> Self {
        Self {
            order,
            id_high: (id.bits() >> 64) as u64,
            id_low: id.bits() as u64,
        }
    }

    /// Before every job of this number.
    pub(super) const fn first_at(order: u64) -> Self {
        Self {
            order,
            id_high: 0,
            id_low: 0,
        }
    }

    /// By rank (CLM-2): higher priority first, then older, then by id.
    ///
    /// The order of `(100 − priority)·2^42 + ready_at`, with more room for the time.
    pub(super) const fn ready(record: &Record) -> Self {
        Self::new(rank(record.priority, record.ready_at), record.id)
    }

    /// By due time.
    pub(super) const fn due(record: &Record) -> Self {
        Self::new(record.ready_at, record.id)
    }

    /// By age.
    pub(super) const fn listed(record: &Record) -> Self {
        Self::new(record.created_at, record.id)
    }

    pub(super) const fn order(self) -> u64 {
        self.order
    }
}

/// How many bits of a rank are time; the priority is above them.
const TIME_BITS: u32 = 56;
const TIME_MASK: u64 = (1 << TIME_BITS) - 1;

const fn rank(priority: i8, ready_at: u64) -> u64 {
    let time = if ready_at > TIME_MASK {
        TIME_MASK
    } else {
        ready_at
    };
    // Flipping all bits but the sign turns −128…127 into 255…0.
    let steps_below_the_top = priority.cast_unsigned() ^ 0x7F;
    ((steps_below_the_top as u64) << TIME_BITS) | time
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Standing {
    place: Place,
    slot: Slot,
}

/// Jobs in the order of their places.
#[derive(Debug, Default)]
pub(super) struct Lane {
    jobs: Sorted<Standing>,
}

impl Lane {
    pub(super) const fn len(&self) -> usize {
        self.jobs.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    pub(super) fn insert(&mut self, place: Place, slot: Slot) {
        self.jobs.insert(Standing { place, slot });
    }

    pub(super) fn remove(&mut self, place: Place, slot: Slot) {
        self.jobs.remove(Standing { place, slot });
    }

    pub(super) fn first(&self) -> Option<Place> {
        self.jobs.first().map(|standing| standing.place)
    }

    pub(super) fn pop(&mut self) -> Option<Slot> {
        self.jobs.pop().map(|standing| standing.slot)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Place, Slot)> {
        self.jobs
            .iter()
            .map(|standing| (standing.place, standing.slot))
    }

    /// The slots from the last place to the first, beginning before the given one.
    pub(super) fn backwards(&self, before: Option<Place>) -> impl Iterator<Item = Slot> {
        let below = before.map(|place| Standing {
            place,
            slot: Slot::MIN,
        });
        self.jobs.backwards(below).map(|standing| standing.slot)
    }

    /// Of a lane by rank: the earliest `ready_at`. Only the first of each priority is looked at.
    pub(super) fn oldest(&self) -> Option<u64> {
        let mut oldest = None;
        let mut next = self.first();
        while let Some(place) = next {
            let time = place.order & TIME_MASK;
            oldest = Some(oldest.map_or(time, |other: u64| other.min(time)));
            let steps = place.order >> TIME_BITS;
            if steps == u64::from(u8::MAX) {
                break;
            }
            let below = Place::first_at((steps + 1) << TIME_BITS);
            next = self
                .jobs
                .first_from(Standing {
                    place: below,
                    slot: Slot::MIN,
                })
                .map(|standing| standing.place);
        }
        oldest
    }
}
