//! What was measured is right only if the messages are: counts exact, order kept.

use std::time::Duration;

use wire::websocket::deflate::Inflater;
use wire::websocket::frame::Header;

use crate::Problem;
use crate::load::{Pump, sequences};

/// Messages of a check at most.
const MESSAGES_MAX: u64 = 200;

/// Connections of each receiver whose messages are looked at.
const SAMPLE: usize = 2;

/// Whoever gets too much has it by then.
const SETTLING: Duration = Duration::from_millis(20);

/// Publishes some more and looks at them. Each `share_of`th message is for the same connection.
pub(super) fn check(pump: &mut Pump, share_of: u64) -> Result<(), Problem> {
    let window = pump.window_messages();
    let count = window.min(MESSAGES_MAX.max(2 * share_of)) / share_of.max(1) * share_of.max(1);
    pump.crowd.keep(SAMPLE)?;
    pump.send(count)?;
    std::thread::sleep(SETTLING);
    let shown = pump.crowd.show()?;
    let all: u64 = shown.messages.iter().sum();
    if all != pump.expected() {
        return Err(format!("{all} messages came, {} were due", pump.expected()).into());
    }
    let (least, most) = (shown.messages.iter().min(), shown.messages.iter().max());
    let unequal = least.zip(most).is_some_and(|(least, most)| most - least > 0);
    if unequal && share_of == 1 {
        return Err(format!("{least:?} to {most:?} messages came at each connection").into());
    }
    for kept in &shown.kept {
        let payload = match pump.crowd.is_web_socket {
            true => payload(kept)?,
            false => kept.clone(),
        };
        let numbers = sequences(&payload);
        let is_ordered = numbers.windows(2).all(|pair| match pair {
            [before, after] => after - before == share_of,
            _ => true,
        });
        if numbers.len() as u64 != count / share_of.max(1) || !is_ordered {
            let text =
                String::from_utf8_lossy(payload.get(..payload.len().min(300)).unwrap_or(&[]));
            return Err(format!("{} messages out of order: {text}", numbers.len()).into());
        }
    }
    Ok(())
}

/// The payload of whole frames, inflated where it is compressed.
fn payload(mut input: &[u8]) -> Result<Vec<u8>, Problem> {
    const BYTES_MAX: usize = 1 << 20;
    let mut inflater = Inflater::new();
    let mut out = Vec::new();
    while let Some((header, header_bytes)) = Header::parse(input)? {
        let end = header_bytes + usize::try_from(header.payload_bytes)?;
        let (frame, rest) = input.split_at_checked(end).ok_or("a frame ends too early")?;
        let payload = frame.get(header_bytes..).unwrap_or_default();
        match header.is_compressed {
            true => {
                let inflated = inflater.inflate(payload, BYTES_MAX);
                out.extend_from_slice(inflated.map_err(|error| format!("{error:?}"))?);
            }
            false => out.extend_from_slice(payload),
        }
        input = rest;
    }
    Ok(out)
}
