//! The name of a job: a `UUIDv7` (RFC 9562), made by whoever submits it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

const VERSION: u128 = 7 << 76;
const VERSION_MASK: u128 = 0xF << 76;
const VARIANT: u128 = 0b10 << 62;
const VARIANT_MASK: u128 = 0b11 << 62;
/// Where the hyphens stand in the canonical form.
const HYPHENS: [usize; 4] = [8, 13, 18, 23];
const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// The id of a job: 48 bits of time, then 74 random ones, so ids sort by age and cannot be guessed.
///
/// The last byte is reserved: a store that spreads its jobs over shards chooses it so that the id tells the shard. No
/// other code may read a meaning into it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(u128);

impl JobId {
    /// How long the canonical form is, in bytes.
    pub const TEXT_LEN: usize = 36;

    /// Make an id from the time in UTC milliseconds (its low 48 bits) and ten random bytes, of which 74 bits are used.
    #[must_use]
    pub const fn new(now_ms: u64, random: [u8; 10]) -> Self {
        let mut bits = (now_ms as u128) << 80;
        let mut i = 0;
        while i < random.len() {
            bits |= (random[i] as u128) << (72 - 8 * i);
            i += 1;
        }
        Self((bits & !(VERSION_MASK | VARIANT_MASK)) | VERSION | VARIANT)
    }

    /// Read the canonical form: lower case, hyphens, version 7, the variant of RFC 9562; nothing else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() != Self::TEXT_LEN {
            return None;
        }
        let mut bits = 0_u128;
        for (i, byte) in text.bytes().enumerate() {
            let digit = match byte {
                b'-' if HYPHENS.contains(&i) => continue,
                _ if HYPHENS.contains(&i) => return None,
                b'0'..=b'9' => byte - b'0',
                b'a'..=b'f' => byte - b'a' + 10,
                _ => return None,
            };
            bits = bits << 4 | u128::from(digit);
        }
        Self::from_bits(bits)
    }

    /// The id with these bits, where they are those of a `UUIDv7`.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Option<Self> {
        if bits & VERSION_MASK == VERSION && bits & VARIANT_MASK == VARIANT {
            Some(Self(bits))
        } else {
            None
        }
    }

    /// The 128 bits, most significant first.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    /// When it was made, by the clock of whoever made it, in UTC milliseconds.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "48 bits are left")]
    pub const fn made_at(self) -> u64 {
        (self.0 >> 80) as u64
    }

    /// Write the canonical form into a buffer, without an allocation.
    pub fn write(self, text: &mut [u8; Self::TEXT_LEN]) -> &str {
        let mut rest = self.0;
        for i in (0..Self::TEXT_LEN).rev() {
            text[i] = if HYPHENS.contains(&i) {
                b'-'
            } else {
                let digit = DIGITS[(rest & 0xF) as usize];
                rest >>= 4;
                digit
            };
        }
        // Only ASCII was written, so the default is never taken.
        std::str::from_utf8(text).unwrap_or_default()
    }
}

/// Makes the ids of one process, so that those of the same millisecond sort in the order of their making (RFC 9562,
/// section 6.2, method 1): jobs that were submitted together are claimed in the order of their submission.
///
/// The twelve bits after the time count up from a random start; the other 62 stay random, so no id can be guessed from
/// another.
#[derive(Debug, Default)]
pub struct JobIds {
    /// The time and the count of the newest id.
    newest: AtomicU64,
}

/// How many bits count, between the version and the variant.
const COUNT_BITS: u32 = 12;
const COUNT_MASK: u64 = (1 << COUNT_BITS) - 1;

impl JobIds {
    /// Begin to make ids.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            newest: AtomicU64::new(0),
        }
    }

    /// Make an id, as [`JobId::new`] does; from any thread.
    #[allow(clippy::cast_possible_truncation, reason = "the upper half is wanted")]
    pub fn make(&self, now_ms: u64, random: [u8; 10]) -> JobId {
        let bits = JobId::new(now_ms, random).bits();
        let time = (bits >> 80) as u64;
        // Half of the counts are left to count, whatever the random start.
        let start = (bits >> 64) as u64 & (COUNT_MASK >> 1);
        let after = |newest: u64| {
            let is_same = newest >> COUNT_BITS == time && newest & COUNT_MASK != COUNT_MASK;
            if is_same {
                newest + 1
            } else {
                time << COUNT_BITS | start
            }
        };
        // Nothing else is published with the count, so no stronger order is needed.
        let relaxed = Ordering::Relaxed;
        let made = match self
            .newest
            .fetch_update(relaxed, relaxed, |newest| Some(after(newest)))
        {
            Ok(newest) | Err(newest) => after(newest),
        };
        let count = u128::from(made & COUNT_MASK) << 64;
        JobId(bits & !(u128::from(COUNT_MASK) << 64) | count)
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.write(&mut [0; Self::TEXT_LEN]))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
