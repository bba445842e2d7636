//! Who may write: the lease, and the fence that numbers its holder.
//!
//! A run holds its job from its claim until somebody settles it. The end of the lease does not end the run: it only
//! allows a rescue to settle it (LSE-5).

/// The ownership of a job by its newest run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The number of the run that holds the job; it only grows (LSE-1).
    pub fence: u64,
    /// From when on a rescue may settle the run, in UTC milliseconds.
    pub until: u64,
}

impl Lease {
    /// Whether this run is the holder; any other is stale, and changes nothing (LSE-2).
    #[must_use]
    pub const fn is_held_by(self, fence: u64) -> bool {
        self.fence == fence
    }

    /// Whether a rescue may settle the run.
    #[must_use]
    pub const fn is_past(self, now: u64) -> bool {
        self.until < now
    }

    /// The first moment at which [`is_past`](Self::is_past) holds.
    #[must_use]
    pub const fn past_from(self) -> u64 {
        self.until.saturating_add(1)
    }
}
