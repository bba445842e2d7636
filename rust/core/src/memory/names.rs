//! Names that many jobs share, kept once and counted: handlers, owners, workers.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::hashing::{Hashing, Lookup};
use super::slab::{Slab, Slot};

/// A name that is kept; it counts as a use until it is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NameId(NonZeroU32);

impl NameId {
    fn of(slot: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(slot))
    }

    const fn slot(self) -> u32 {
        self.0.get() - 1
    }
}

#[derive(Debug)]
struct Name {
    text: Arc<str>,
    uses: usize,
}

#[derive(Debug, Default)]
pub(super) struct Names {
    kept: Slab<Name>,
    lookup: Lookup,
    /// Where the last name was found: most jobs come with the name of the one before, and comparing is cheaper than
    /// hashing. It may be out of date.
    last: Slot,
}

impl Names {
    pub(super) const fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn find(&self, hashing: &Hashing, text: &str) -> Option<NameId> {
        let kept = &self.kept;
        self.lookup
            .find(hashing.text(text), |slot| &*kept[slot].text == text)
            .map(NameId::of)
    }

    /// Count one more use of a name.
    pub(super) fn acquire(&mut self, hashing: &Hashing, text: &Arc<str>) -> NameId {
        if let Some(name) = self
            .kept
            .get_mut(self.last)
            .filter(|name| name.text == *text)
        {
            name.uses += 1;
            return NameId::of(self.last);
        }
        let hash = hashing.text(&**text);
        let kept = &self.kept;
        if let Some(slot) = self.lookup.find(hash, |slot| kept[slot].text == *text) {
            self.kept[slot].uses += 1;
            self.last = slot;
            return NameId::of(slot);
        }
        let slot = self.kept.insert(Name {
            text: Arc::clone(text),
            uses: 1,
        });
        self.last = slot;
        self.lookup.insert(hash, slot);
        NameId::of(slot)
    }

    /// Count another use of a name that is in use.
    pub(super) fn acquire_again(&mut self, id: NameId) -> NameId {
        self.kept[id.slot()].uses += 1;
        id
    }

    /// Count one use less, and forget the name with the last.
    pub(super) fn release(&mut self, hashing: &Hashing, id: NameId) {
        let name = &mut self.kept[id.slot()];
        name.uses -= 1;
        if name.uses == 0 {
            self.lookup.remove(hashing.text(&*name.text), id.slot());
            self.kept.remove(id.slot());
        }
    }

    pub(super) fn text(&self, id: NameId) -> &Arc<str> {
        &self.kept[id.slot()].text
    }

    /// How often a name is in use.
    pub(super) fn uses(&self) -> impl Iterator<Item = (NameId, usize)> {
        self.kept
            .iter()
            .map(|(slot, name)| (NameId::of(slot), name.uses))
    }
}
