//! Records through rustls: ciphertext in, plaintext out, and what the protocol wants said.
//!
//! No I/O, and no buffers of its own.

use std::io;

use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError};

use crate::side::Side;

/// The largest payload of a record, in bytes. Source: RFC 8446 §5.1.
pub(crate) const FRAGMENT_BYTES_MAX: usize = 1 << 14;

/// The largest record on the wire, in bytes: TLS 1.2 allows 2048 bytes of expansion, and the header
/// has 5. Source: RFC 5246 §6.2.3.
pub(crate) const RECORD_BYTES_MAX: usize = FRAGMENT_BYTES_MAX + 2048 + 5;

/// What may be kept of a handshake message that is not whole, in bytes; the protocol's own limit of
/// one is 16 MiB. Source: rustls, whose buffered connections keep no more.
pub(crate) const INCOMING_BYTES_MAX: usize = 64 * 1024;

/// What encryption adds to each record at most, in bytes: header, explicit nonce, type, tag.
const OVERHEAD_BYTES_MAX: usize = 5 + 8 + 1 + 16;

/// Room for what the protocol may have to say in between (a key update), in bytes.
const PROTOCOL_BYTES_MAX: usize = 256;

/// How long so much plaintext can get.
pub(crate) const fn encrypted_bytes_max(plaintext_bytes: usize) -> usize {
    let records = plaintext_bytes / FRAGMENT_BYTES_MAX + 1;
    plaintext_bytes + records * OVERHEAD_BYTES_MAX + PROTOCOL_BYTES_MAX
}

/// What became of received ciphertext.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Processed {
    /// Bytes not needed any more, from the front; the others belong in front of what comes next.
    pub(crate) taken_bytes: usize,
    /// The peer said that it sends nothing more.
    pub(crate) has_ended: bool,
}

/// Decrypts what is whole in `incoming`. Replies (handshake, alerts) are appended to `outgoing`.
///
/// # Errors
///
/// What the peer did wrong; the alert about it has been appended to `outgoing`. `tls` is not to be
/// used any more.
pub(crate) fn process<T: Side>(
    tls: &mut T,
    incoming: &mut [u8],
    outgoing: &mut Vec<u8>,
    mut plaintext: impl FnMut(&[u8]),
) -> io::Result<Processed> {
    let mut processed = Processed::default();
    loop {
        let rest = incoming.get_mut(processed.taken_bytes..).unwrap_or_default();
        let status = tls.process(rest);
        processed.taken_bytes += status.discard;
        let next = match status.state {
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                while let Some(record) = traffic.next_record() {
                    let record = record.map_err(violation)?;
                    processed.taken_bytes += record.discard;
                    plaintext(record.payload);
                }
                Next::GoOn
            }
            Ok(ConnectionState::EncodeTlsData(data)) => {
                encode(data, outgoing)?;
                Next::GoOn
            }
            // What was encoded leaves in order, before anything else.
            Ok(ConnectionState::TransmitTlsData(transmit)) => {
                transmit.done();
                Next::GoOn
            }
            Ok(ConnectionState::PeerClosed) => {
                processed.has_ended = true;
                Next::GoOn
            }
            Ok(ConnectionState::Closed) => {
                processed.has_ended = true;
                Next::Wait
            }
            Ok(ConnectionState::BlockedHandshake | ConnectionState::WriteTraffic(_)) => Next::Wait,
            // Early data is never offered, and any other state is one that this rustls has not.
            Ok(_) => return Err(io::Error::other("a state that was not asked for")),
            Err(error) => Next::Fail(error),
        };
        match next {
            Next::GoOn => {}
            Next::Wait => return Ok(processed),
            Next::Fail(error) => {
                append_alert(tls, outgoing);
                return Err(violation(error));
            }
        }
    }
}

/// What a step says about the next one.
enum Next {
    GoOn,
    Wait,
    Fail(rustls::Error),
}

/// Appends the alert that rustls has ready after an error; it is not asked for anything else then.
fn append_alert<T: Side>(tls: &mut T, outgoing: &mut Vec<u8>) {
    while tls.has_more_to_say() {
        let Ok(ConnectionState::EncodeTlsData(data)) = tls.process(&mut []).state else { return };
        if encode(data, outgoing).is_err() {
            return;
        }
    }
}

fn encode<T>(mut data: EncodeTlsData<'_, T>, outgoing: &mut Vec<u8>) -> io::Result<()> {
    let start = outgoing.len();
    match data.encode(&mut []) {
        Err(EncodeError::InsufficientSize(wanted)) => {
            outgoing.resize(start + wanted.required_size, 0);
            let room = outgoing.get_mut(start..).unwrap_or_default();
            data.encode(room).map(drop).map_err(io::Error::other)
        }
        encoded => encoded.map(drop).map_err(io::Error::other),
    }
}

/// What is to be encrypted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outgoing<'a> {
    /// Bytes for the peer.
    Plaintext(&'a [u8]),
    /// That no more of them come.
    CloseNotify,
}

/// Encrypts into `outgoing`, and says how many bytes of it were used. `incoming` is what was kept
/// of the ciphertext received.
///
/// # Errors
///
/// The connection has failed, or is closed, or its keys are worn out.
pub(crate) fn encrypt<T: Side>(
    tls: &mut T,
    incoming: &mut [u8],
    what: Outgoing<'_>,
    outgoing: &mut [u8],
) -> io::Result<usize> {
    let encrypted = match tls.process(incoming).state {
        Ok(ConnectionState::WriteTraffic(mut traffic)) => match what {
            Outgoing::Plaintext(plaintext) => traffic.encrypt(plaintext, outgoing),
            Outgoing::CloseNotify => traffic.queue_close_notify(outgoing),
        },
        Ok(_) => return Err(io::ErrorKind::BrokenPipe.into()),
        Err(error) => return Err(violation(error)),
    };
    encrypted.map_err(|error| match error {
        EncryptError::EncryptExhausted => io::Error::other(error),
        // `encrypted_bytes_max` is the bound.
        EncryptError::InsufficientSize(_) => io::Error::other(error),
    })
}

fn violation(error: rustls::Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, error)
}
