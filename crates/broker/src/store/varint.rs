//! Numbers as few bytes: seven bits each, the lowest first, the high bit set on all but the last
//! (LEB128); and a reader of them.
//!
//! Whatever the bytes are, reading is an answer or [`Malformed`]; never a panic.

/// Bytes that are not what the format says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed: {0}")]
pub(super) struct Malformed(pub(super) &'static str);

/// The longest form of a number, in bytes.
pub(super) const BYTES_MAX: usize = 10;

pub(super) fn put(into: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        into.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    into.push((number & 0x7F) as u8);
}

/// Reads numbers from the front of bytes.
#[derive(Clone, Debug)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What was not read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        let (first, rest) = self.rest.split_first().ok_or(Malformed("it ends within a field"))?;
        self.rest = rest;
        Ok(*first)
    }

    pub(super) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0_u64;
        for shift in 0..BYTES_MAX as u32 {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7F);
            // The tenth byte has room for one bit.
            if shift == 9 && bits > 1 {
                break;
            }
            number |= bits << (7 * shift);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed("a number has more than 64 bits"))
    }

    pub(super) fn number32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| Malformed("a number has more than 32 bits"))
    }

    /// How many things follow, each of which takes at least one byte.
    pub(super) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.number()?).unwrap_or(usize::MAX);
        match count <= self.rest.len() {
            true => Ok(count),
            false => Err(Malformed("a count is larger than what follows")),
        }
    }

    pub(super) fn end(&self) -> Result<(), Malformed> {
        match self.rest.is_empty() {
            true => Ok(()),
            false => Err(Malformed("bytes are left over")),
        }
    }
}

/// Four bytes, the lowest first.
pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let found = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(found.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(number: u64, bytes: &[u8]) {
        let mut written = Vec::new();
        put(&mut written, number);
        assert_eq!(written, bytes);
        let mut fields = Fields::new(bytes);
        assert_eq!(fields.number(), Ok(number));
        assert_eq!(fields.end(), Ok(()));
    }

    #[test]
    fn numbers_are_read_as_they_are_written() {
        check(0, &[0]);
        check(127, &[0x7F]);
        check(128, &[0x80, 1]);
        check(u64::MAX, &[0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 1]);
    }

    #[test]
    fn what_is_no_number_is_malformed() {
        for bytes in [&[][..], &[0x80], &[0xFF; 10], &[0x80; 11]] {
            assert!(Fields::new(bytes).number().is_err(), "{bytes:?}");
        }
        let beyond = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 2];
        assert!(Fields::new(&beyond).number().is_err());
    }

    #[test]
    fn a_count_fits_what_follows() {
        assert_eq!(Fields::new(&[2, 0, 0]).count(), Ok(2));
        assert!(Fields::new(&[3, 0, 0]).count().is_err());
    }
}
