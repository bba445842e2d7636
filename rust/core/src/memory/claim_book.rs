//! Which runs a claim began, for a claim whose answer reached nobody.

use std::collections::HashMap;
use std::sync::Arc;

use super::slab::{Slab, Slot};

/// A claim is remembered while a run that it began still runs.
#[derive(Debug)]
struct Begun {
    claim_id: Arc<str>,
    running: usize,
    /// The jobs and fences of all that it began, ended ones too.
    runs: Vec<(Slot, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct ClaimBook {
    claims: Slab<Begun>,
    by_id: HashMap<Arc<str>, Slot>,
}

impl ClaimBook {
    pub(super) const fn len(&self) -> usize {
        self.claims.len()
    }

    /// Write down the runs that a claim began, at least one; the same claim repeated adds to what it began before.
    pub(super) fn begin(&mut self, claim_id: &Arc<str>, runs: Vec<(Slot, u64)>) -> Slot {
        if let Some(&claim) = self.by_id.get(claim_id) {
            let begun = &mut self.claims[claim];
            begun.running += runs.len();
            begun.runs.extend(runs);
            return claim;
        }
        let claim = self.claims.insert(Begun {
            claim_id: Arc::clone(claim_id),
            running: runs.len(),
            runs,
        });
        self.by_id.insert(Arc::clone(claim_id), claim);
        claim
    }

    /// One of its runs has ended; with the last, the claim is forgotten.
    pub(super) fn end_one(&mut self, claim: Slot) {
        let begun = &mut self.claims[claim];
        begun.running -= 1;
        if begun.running == 0 {
            self.by_id.remove(&begun.claim_id);
            self.claims.remove(claim);
        }
    }

    /// The claim, and all that it began.
    pub(super) fn begun(&self, claim_id: &str) -> Option<(Slot, Vec<(Slot, u64)>)> {
        let claim = *self.by_id.get(claim_id)?;
        Some((claim, self.claims[claim].runs.clone()))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, usize)> {
        self.claims
            .iter()
            .map(|(claim, begun)| (claim, begun.running))
    }
}
