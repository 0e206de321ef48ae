//! Finds one frame at the front of the input and decodes it.

use crate::amqp::frame::{
    ContentHeader, FRAME_END, FRAME_OVERHEAD_BYTES, Frame, FrameError, FrameKind, Payload, Snippet,
};
use crate::amqp::method::{ArgumentError, Method, MethodId};
use crate::reader::{Reader, Truncated};

/// How many bytes of undecodable arguments an error keeps: more than a reply text can show.
const ARGUMENT_BYTES_SHOWN: usize = 128;

/// Decodes the frame at the front of `input`, and says how many bytes it takes.
///
/// `None` if more bytes must come. `frame_bytes_max` is the agreed `frame-max`, 0 for none. The
/// payload may have as many bytes as that, 8 more than the standard allows, as in RabbitMQ.
///
/// # Errors
///
/// [`FrameError`] if it is no frame, is too large, or cannot come on its channel at all: a
/// heart-beat belongs to channel 0, content to any other.
pub fn decode(
    input: &[u8],
    frame_bytes_max: u32,
) -> Result<Option<(Frame<'_>, usize)>, FrameError> {
    let mut reader = Reader::new(input);
    let Ok((kind, channel, payload_bytes)) = read_head(&mut reader) else {
        return Ok(None);
    };
    if frame_bytes_max != 0 && payload_bytes > frame_bytes_max {
        let limit_bytes = frame_bytes_max.saturating_sub(FRAME_OVERHEAD_BYTES as u32);
        return Err(FrameError::TooLarge { kind, payload_bytes, limit_bytes });
    }
    let (Ok(octets), Ok(end)) = (reader.take(payload_bytes as usize), reader.u8()) else {
        return Ok(None);
    };
    if end != FRAME_END {
        return Err(FrameError::BadEnd { snippet: Snippet::of(kind, octets), found: end });
    }
    let frame = Frame { channel, payload: decode_payload(kind, octets)?, octets };
    let is_misplaced = match frame.payload {
        Payload::Method(_) => false,
        Payload::Header(_) | Payload::Body(_) => channel == 0,
        Payload::Heartbeat => channel != 0,
    };
    match is_misplaced {
        true => Err(frame.unexpected()),
        false => Ok(Some((frame, octets.len() + FRAME_OVERHEAD_BYTES))),
    }
}

/// How many bytes the frame at the front of `input` takes, if its head is there.
///
/// To go on behind a frame that [`decode`] finds wrong within.
pub fn frame_bytes(input: &[u8]) -> Option<usize> {
    let (_, _, payload_bytes) = read_head(&mut Reader::new(input)).ok()?;
    Some((payload_bytes as usize).saturating_add(FRAME_OVERHEAD_BYTES))
}

fn read_head(reader: &mut Reader<'_>) -> Result<(u8, u16, u32), Truncated> {
    Ok((reader.u8()?, reader.u16()?, reader.u32()?))
}

fn decode_payload(kind: u8, octets: &[u8]) -> Result<Payload<'_>, FrameError> {
    let unknown = || FrameError::Unknown { snippet: Snippet::of(kind, octets) };
    let mut reader = Reader::new(octets);
    match kind {
        kind if kind == FrameKind::Method as u8 => {
            let method = read_method_id(&mut reader).map_err(|_| unknown())?;
            decode_method(method, reader.rest()).map(Payload::Method)
        }
        kind if kind == FrameKind::Header as u8 => {
            read_header(&mut reader).map(Payload::Header).map_err(|_| unknown())
        }
        kind if kind == FrameKind::Body as u8 => Ok(Payload::Body(octets)),
        kind if kind == FrameKind::Heartbeat as u8 && octets.is_empty() => Ok(Payload::Heartbeat),
        _ => Err(unknown()),
    }
}

fn read_method_id(reader: &mut Reader<'_>) -> Result<MethodId, Truncated> {
    Ok(MethodId { class_id: reader.u16()?, method_id: reader.u16()? })
}

fn read_header<'a>(reader: &mut Reader<'a>) -> Result<ContentHeader<'a>, Truncated> {
    Ok(ContentHeader {
        class_id: reader.u16()?,
        weight: reader.u16()?,
        body_bytes: reader.u64()?,
        properties: reader.rest(),
    })
}

fn decode_method(method: MethodId, arguments: &[u8]) -> Result<Method<'_>, FrameError> {
    let mut reader = Reader::new(arguments);
    let error = match Method::read(method, &mut reader) {
        Some(Ok(decoded)) if reader.is_empty() => return Ok(decoded),
        Some(Ok(_)) => ArgumentError::Malformed,
        Some(Err(error)) => error,
        None => return Err(FrameError::NoSuchMethod { method }),
    };
    Err(match error {
        ArgumentError::NotText => FrameError::NotText { method },
        ArgumentError::Malformed => {
            let shown = arguments.get(..ARGUMENT_BYTES_SHOWN).unwrap_or(arguments);
            FrameError::Arguments { method, arguments: shown.into() }
        }
    })
}

#[cfg(test)]
mod tests;
