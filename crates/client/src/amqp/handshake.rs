//! From a TCP stream to an open connection.

use model::{FieldTable, FieldValue};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use wire::amqp::encoder::encode_method;
use wire::amqp::field::{RawTable, encode_entries};
use wire::amqp::method::connection as method;
use wire::amqp::method::connection::Connection;
use wire::amqp::method::{LongString, Method};
use wire::amqp::protocol_header::PROTOCOL_HEADER;
use wire::amqp::sasl::{Credentials, Mechanism};
use wire::amqp::{Frame, Payload, decode};

use crate::error::Error;
use crate::uri::Uri;

/// What the two sides agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Agreed {
    pub(super) channel_max: u16,
    pub(super) frame_bytes_max: u32,
    pub(super) heartbeat_seconds: u16,
}

/// Before tune, a frame is no larger than this.
const FRAME_BYTES_MAX: u32 = 131_072;

/// Logs in and enters the vhost; returns what was agreed and what was read beyond it.
pub(super) async fn shake_hands(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    uri: &Uri,
) -> Result<(Agreed, Vec<u8>), Error> {
    let mut input = Vec::new();
    stream.write_all(&PROTOCOL_HEADER).await?;
    next(stream, &mut input, |method| match method {
        Connection::Start(start) => Ok(Some(start.mechanisms.0.to_vec())),
        _ => Ok(None),
    })
    .await?;
    let credentials =
        Credentials { user: uri.user.as_bytes().into(), password: uri.password.as_bytes().into() };
    let response = Mechanism::Plain.write(&credentials);
    let mut properties = Vec::new();
    encode_entries(&client_properties(), &mut properties);
    let properties = RawTable::parse(&properties)
        .map_err(|error| Error::Protocol(format!("own properties: {error}")))?;
    let start_ok = method::StartOk {
        client_properties: properties,
        mechanism: Mechanism::Plain.name(),
        response: LongString(&response),
        locale: "en_US",
    };
    send(stream, &Connection::StartOk(start_ok)).await?;
    let agreed = next(stream, &mut input, |method| match method {
        Connection::Tune(tune) => Ok(Some(Agreed {
            channel_max: tune.channel_max,
            frame_bytes_max: tune.frame_max,
            heartbeat_seconds: tune.heartbeat,
        })),
        _ => Ok(None),
    })
    .await?;
    let tune_ok = method::TuneOk {
        channel_max: agreed.channel_max,
        frame_max: agreed.frame_bytes_max,
        heartbeat: agreed.heartbeat_seconds,
    };
    send(stream, &Connection::TuneOk(tune_ok)).await?;
    let open = method::Open { virtual_host: &uri.vhost, capabilities: b"", insist: false };
    send(stream, &Connection::Open(open)).await?;
    next(stream, &mut input, |method| match method {
        Connection::OpenOk(_) => Ok(Some(())),
        _ => Ok(None),
    })
    .await?;
    Ok((agreed, input))
}

async fn send(
    stream: &mut (impl AsyncWrite + Unpin),
    method: &Connection<'_>,
) -> Result<(), Error> {
    let mut out = Vec::new();
    match method {
        Connection::StartOk(method) => encode_method(&mut out, 0, method),
        Connection::TuneOk(method) => encode_method(&mut out, 0, method),
        Connection::Open(method) => encode_method(&mut out, 0, method),
        _ => return Err(Error::Protocol("no method of a handshake".to_owned())),
    }
    Ok(stream.write_all(&out).await?)
}

/// Reads until `pick` takes a method; a close by the server is an error.
async fn next<T>(
    stream: &mut (impl AsyncRead + Unpin),
    input: &mut Vec<u8>,
    pick: impl Fn(&Connection<'_>) -> Result<Option<T>, Error>,
) -> Result<T, Error> {
    loop {
        if input.starts_with(b"AMQP") && input.len() >= 8 {
            return Err(Error::Protocol("the server does not speak AMQP 0-9-1".to_owned()));
        }
        let decoded = decode(input, FRAME_BYTES_MAX);
        let decoded = decoded.map_err(|error| Error::Protocol(error.to_string()))?;
        let Some((Frame { payload, .. }, used)) = decoded else {
            if stream.read_buf(input).await? == 0 {
                let kind = std::io::ErrorKind::UnexpectedEof;
                let text = "the server closed the connection during login \
                            (wrong user, password or vhost?)";
                return Err(std::io::Error::new(kind, text).into());
            }
            continue;
        };
        let picked = match payload {
            Payload::Method(Method::Connection(Connection::Close(close))) => {
                return Err(Error::Closed {
                    code: close.reply_code,
                    text: close.reply_text.to_owned(),
                });
            }
            Payload::Method(Method::Connection(method)) => pick(&method)?,
            _ => None,
        };
        input.drain(..used);
        if let Some(picked) = picked {
            return Ok(picked);
        }
    }
}

fn client_properties() -> FieldTable {
    let mut capabilities = FieldTable::new();
    for name in [
        "publisher_confirms",
        "basic.nack",
        "consumer_cancel_notify",
        "connection.blocked",
        "authentication_failure_close",
    ] {
        capabilities.set(name, FieldValue::Bool(true));
    }
    let mut properties = FieldTable::new();
    properties.set("product", FieldValue::string("Hopwire client"));
    properties.set("version", FieldValue::string(env!("CARGO_PKG_VERSION")));
    properties.set("capabilities", FieldValue::Table(capabilities));
    properties
}
