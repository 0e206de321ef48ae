//! Appends big-endian numbers and slices to a byte vector.

/// Big-endian appends, implemented for `Vec<u8>`.
pub trait Writer {
    /// Appends bytes as they are.
    fn put(&mut self, bytes: &[u8]);

    /// Appends one octet.
    fn put_u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    /// Appends two octets.
    fn put_u16(&mut self, value: u16) {
        self.put(&value.to_be_bytes());
    }

    /// Appends four octets.
    fn put_u32(&mut self, value: u32) {
        self.put(&value.to_be_bytes());
    }

    /// Appends eight octets.
    fn put_u64(&mut self, value: u64) {
        self.put(&value.to_be_bytes());
    }

    /// Appends the length as one octet, then the bytes; what exceeds 255 bytes is cut.
    fn put_short_slice(&mut self, bytes: &[u8]) {
        let count = u8::try_from(bytes.len()).unwrap_or(u8::MAX);
        self.put_u8(count);
        self.put(bytes.get(..usize::from(count)).unwrap_or(bytes));
    }

    /// Appends the length as four octets, then the bytes; what exceeds 4 GiB is cut.
    fn put_long_slice(&mut self, bytes: &[u8]) {
        let count = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.put_u32(count);
        self.put(bytes.get(..count as usize).unwrap_or(bytes));
    }

    /// Appends what `body` appends, with its length in bytes before it as four octets.
    fn put_measured(&mut self, body: impl FnOnce(&mut Self));
}

impl Writer for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }

    fn put_measured(&mut self, body: impl FnOnce(&mut Self)) {
        let length_at = self.len();
        self.put_u32(0);
        let body_at = self.len();
        body(self);
        let count = u32::try_from(self.len() - body_at).unwrap_or(u32::MAX);
        if let Some(length) = self.get_mut(length_at..body_at) {
            length.copy_from_slice(&count.to_be_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measured_lengths_nest() {
        let mut out = vec![0xFF];
        out.put_measured(|out| {
            out.put_u8(7);
            out.put_measured(|out| out.put_u16(1));
        });
        assert_eq!(out, [0xFF, 0, 0, 0, 7, 7, 0, 0, 0, 2, 0, 1]);
    }

    #[test]
    fn a_short_slice_is_cut_at_255_bytes() {
        let mut out = Vec::new();
        out.put_short_slice(&[9; 300]);
        assert_eq!((out.len(), out[0]), (256, 255));
    }
}
