//! A time that may be missing, in eight bytes.

/// UTC milliseconds, or never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment(u64);

impl Moment {
    pub(super) const NEVER: Self = Self(u64::MAX);

    /// A time is never the last millisecond of all, which stands for its absence.
    pub(super) const fn at(time: u64) -> Self {
        if time == u64::MAX {
            Self(u64::MAX - 1)
        } else {
            Self(time)
        }
    }

    pub(super) const fn get(self) -> Option<u64> {
        if self.0 == u64::MAX {
            None
        } else {
            Some(self.0)
        }
    }

    pub(super) const fn is_set(self) -> bool {
        self.0 != u64::MAX
    }

    /// The earlier time where there is one, else this.
    pub(super) const fn or_at(self, time: u64) -> Self {
        if self.is_set() { self } else { Self::at(time) }
    }
}
