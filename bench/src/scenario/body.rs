//! What messages say.

use crate::load::SEQUENCE;

/// So many bytes of text, with room for a sequence number.
pub(super) fn plain(bytes: usize) -> Vec<u8> {
    let mut body = SEQUENCE.as_bytes().to_vec();
    body.resize(bytes, b'x');
    body
}
