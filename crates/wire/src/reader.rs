//! Reads big-endian numbers and slices from the front of a byte slice.

/// The bytes end before what was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the bytes end too early")]
pub struct Truncated;

/// The unread rest of a byte slice. A read that fails leaves it unchanged.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// Starts at the front of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// What is not read.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything is read.
    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Takes `count` bytes.
    ///
    /// # Errors
    ///
    /// [`Truncated`] if there are fewer.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], Truncated> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Takes `N` bytes as an array.
    ///
    /// # Errors
    ///
    /// [`Truncated`] if there are fewer.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], Truncated> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    /// Takes one octet.
    ///
    /// # Errors
    ///
    /// [`Truncated`] if nothing is left; so for all numbers.
    pub fn u8(&mut self) -> Result<u8, Truncated> {
        self.array().map(u8::from_be_bytes)
    }

    /// Takes two octets as a number.
    ///
    /// # Errors
    ///
    /// [`Truncated`]
    pub fn u16(&mut self) -> Result<u16, Truncated> {
        self.array().map(u16::from_be_bytes)
    }

    /// Takes four octets as a number.
    ///
    /// # Errors
    ///
    /// [`Truncated`]
    pub fn u32(&mut self) -> Result<u32, Truncated> {
        self.array().map(u32::from_be_bytes)
    }

    /// Takes eight octets as a number.
    ///
    /// # Errors
    ///
    /// [`Truncated`]
    pub fn u64(&mut self) -> Result<u64, Truncated> {
        self.array().map(u64::from_be_bytes)
    }

    /// Takes a slice whose length in bytes stands before it as one octet.
    ///
    /// # Errors
    ///
    /// [`Truncated`]
    pub fn short_slice(&mut self) -> Result<&'a [u8], Truncated> {
        let mut ahead = *self;
        let count = usize::from(ahead.u8()?);
        let slice = ahead.take(count)?;
        *self = ahead;
        Ok(slice)
    }

    /// Takes a slice whose length in bytes stands before it as four octets.
    ///
    /// # Errors
    ///
    /// [`Truncated`]
    pub fn long_slice(&mut self) -> Result<&'a [u8], Truncated> {
        let mut ahead = *self;
        let count = usize::try_from(ahead.u32()?).map_err(|_| Truncated)?;
        let slice = ahead.take(count)?;
        *self = ahead;
        Ok(slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_from_the_front_and_keeps_the_rest() {
        let mut reader = Reader::new(&[1, 0, 2, 1, 9, 0, 0, 0, 1, 8, 7]);
        assert_eq!(reader.u8(), Ok(1));
        assert_eq!(reader.u16(), Ok(2));
        assert_eq!(reader.short_slice(), Ok([9].as_slice()));
        assert_eq!(reader.long_slice(), Ok([8].as_slice()));
        assert_eq!(reader.rest(), [7]);
    }

    #[test]
    fn a_failed_read_takes_nothing() {
        let mut reader = Reader::new(&[5, 1, 2]);
        assert_eq!(reader.u64(), Err(Truncated));
        assert_eq!(reader.short_slice(), Err(Truncated));
        assert_eq!(reader.long_slice(), Err(Truncated));
        assert_eq!(reader.take(4), Err(Truncated));
        assert_eq!(reader.rest(), [5, 1, 2]);
    }
}
