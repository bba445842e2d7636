//! Bytes to numbers and back.

use super::NEVER;
use super::parts::Damage;
use crate::conversation::Failure;

/// Reads a record from its beginning to its end.
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) const fn left(&self) -> usize {
        self.rest.len()
    }

    pub(super) fn bytes(&mut self, length: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<[u8; N], Damage> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Damage::Short)?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Damage> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Damage> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u24(&mut self) -> Result<usize, Damage> {
        let [a, b, c] = self.array()?;
        Ok(usize::from(a) | usize::from(b) << 8 | usize::from(c) << 16)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Damage> {
        self.array().map(u32::from_le_bytes)
    }

    /// 48 bits.
    pub(super) fn time(&mut self) -> Result<u64, Damage> {
        let bytes = self.array::<6>()?;
        Ok(u64::from_le_bytes(std::array::from_fn(|i| {
            bytes.get(i).copied().unwrap_or(0)
        })))
    }

    pub(super) fn moment(&mut self) -> Result<Option<u64>, Damage> {
        self.time().map(|time| (time != NEVER).then_some(time))
    }

    /// Seven bits in a byte, lowest first, while the eighth is set.
    pub(super) fn varint(&mut self) -> Result<u64, Damage> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            if shift == 63 && bits > 1 {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Damage::Number)
    }

    /// A text behind its length.
    pub(super) fn text(&mut self) -> Result<&'a str, Damage> {
        let length = usize::try_from(self.varint()?).map_err(|_| Damage::Short)?;
        text(self.bytes(length)?)
    }
}

pub(super) fn text(bytes: &[u8]) -> Result<&str, Damage> {
    std::str::from_utf8(bytes).map_err(|_| Damage::Text)
}

/// Writes numbers at the end of a record.
pub(super) trait Pack {
    fn u24(&mut self, part: &'static str, value: usize) -> Result<(), Failure>;
    fn time(&mut self, time: u64);
    fn moment(&mut self, time: Option<u64>);
    fn varint(&mut self, value: u64);
    fn text(&mut self, text: &str);
}

impl Pack for Vec<u8> {
    fn u24(&mut self, part: &'static str, value: usize) -> Result<(), Failure> {
        match u32::try_from(value).map(u32::to_le_bytes) {
            Ok([a, b, c, 0]) => {
                self.extend_from_slice(&[a, b, c]);
                Ok(())
            }
            _ => Err(Failure::TooLarge { part, size: value }),
        }
    }

    /// A time too far away for 48 bits, in the year 10,889, is the last that fits.
    fn time(&mut self, time: u64) {
        self.extend_from_slice(&time.min(NEVER - 1).to_le_bytes()[..6]);
    }

    fn moment(&mut self, time: Option<u64>) {
        match time {
            Some(time) => self.time(time),
            None => self.extend_from_slice(&NEVER.to_le_bytes()[..6]),
        }
    }

    fn varint(&mut self, mut value: u64) {
        while value > 0x7F {
            self.push(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.push(value.to_le_bytes()[0]);
    }

    fn text(&mut self, text: &str) {
        self.varint(text.len() as u64);
        self.extend_from_slice(text.as_bytes());
    }
}
