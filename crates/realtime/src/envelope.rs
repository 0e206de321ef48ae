//! A message as `docs/scenarios.md` has it: JSON with `type`, `id`, `time`, compressed when large.

use std::io::Write;
use std::time::{SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use model::{Properties, ShortString};
use serde::Serialize;

use crate::error::Error;

/// Bodies above this size, in bytes, are compressed. Source: `docs/scenarios.md`.
pub const COMPRESS_ABOVE_BYTES: usize = 1024;

/// What is said, and how it travels.
pub(crate) struct Saying<'a, T> {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) kind: &'a str,
    pub(crate) fields: T,
    /// Not worth keeping over a restart.
    pub(crate) is_fleeting: bool,
}

/// A message ready to be published.
#[derive(Debug)]
pub(crate) struct Envelope {
    pub(crate) exchange: &'static str,
    pub(crate) key: String,
    pub(crate) properties: Properties,
    pub(crate) body: Vec<u8>,
}

#[derive(Serialize)]
struct Body<'a, T> {
    r#type: &'a str,
    id: &'a str,
    time: &'a str,
    #[serde(flatten)]
    fields: &'a T,
}

impl<T: Serialize> Saying<'_, T> {
    /// Writes it down, at `now`, under a fresh id.
    pub(crate) fn seal(self, now: SystemTime) -> Result<Envelope, Error> {
        let id = uuid::Uuid::new_v4().to_string();
        let time = timestamp(now);
        let body = Body { r#type: self.kind, id: &id, time: &time, fields: &self.fields };
        let mut body = serde_json::to_vec(&body).map_err(|error| Error::Body(error.to_string()))?;
        let short = |text: &str| Some(ShortString::truncated(text));
        let mut properties = Properties {
            content_type: short("application/json"),
            delivery_mode: Some(if self.is_fleeting { 1 } else { 2 }),
            message_id: short(&id),
            message_type: short(self.kind),
            timestamp: Some(now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()),
            ..Properties::default()
        };
        if body.len() > COMPRESS_ABOVE_BYTES {
            body = compress(&body)?;
            properties.content_encoding = short("deflate");
        }
        Ok(Envelope { exchange: self.exchange, key: self.key, properties, body })
    }
}

/// ISO 8601 in UTC with milliseconds.
pub(crate) fn timestamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let millis = i64::try_from(since.as_millis()).unwrap_or(i64::MAX);
    let shown = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    format!("{shown:.3}")
}

/// zlib format (RFC 1950), as browsers' `DecompressionStream('deflate')` reads it.
fn compress(body: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |error: std::io::Error| Error::Body(error.to_string());
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(body).map_err(failed)?;
    encoder.finish().map_err(failed)
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::time::Duration;

    use serde_json::{Value, json};

    use super::*;

    fn saying(text: &str) -> Saying<'static, Value> {
        Saying {
            exchange: "chat",
            key: "room.lobby".into(),
            kind: "group",
            fields: json!({"text": text}),
            is_fleeting: false,
        }
    }

    #[test]
    fn a_message_carries_type_id_and_time_in_body_and_properties() {
        let now = UNIX_EPOCH + Duration::from_millis(1_795_462_200_120);
        let sealed = saying("Hello").seal(now).unwrap();
        let body: Value = serde_json::from_slice(&sealed.body).unwrap();
        assert_eq!((&body["type"], &body["text"]), (&json!("group"), &json!("Hello")));
        assert_eq!(body["time"], "2026-11-23T19:30:00.120Z");
        assert_eq!(sealed.properties.message_id.unwrap().to_str(), body["id"].as_str());
        assert_eq!(sealed.properties.timestamp, Some(1_795_462_200));
        assert_eq!(sealed.properties.delivery_mode, Some(2));
    }

    #[test]
    fn a_body_is_compressed_above_the_limit_and_not_at_it() {
        let bare = saying("").seal(SystemTime::now()).unwrap().body.len();
        let at = saying(&"x".repeat(COMPRESS_ABOVE_BYTES - bare));
        let at = at.seal(SystemTime::now()).unwrap();
        assert_eq!((at.body.len(), at.properties.content_encoding), (COMPRESS_ABOVE_BYTES, None));
        let beyond = saying(&"x".repeat(COMPRESS_ABOVE_BYTES - bare + 1));
        let beyond = beyond.seal(SystemTime::now()).unwrap();
        assert!(beyond.body.len() < 200);
        let mut text = String::new();
        flate2::read::ZlibDecoder::new(&*beyond.body).read_to_string(&mut text).unwrap();
        assert_eq!(text.len(), COMPRESS_ABOVE_BYTES + 1);
    }
}
