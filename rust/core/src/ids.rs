//! The name of a job: a `UUIDv7` (RFC 9562), made by whoever submits it.

use std::fmt;

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
