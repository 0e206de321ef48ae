//! Publishers, in each broker's own words.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::floor::append_message;
use crate::load::{Tape, amqp};

/// No broker holds a publisher back for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection and what is written to it: one message to each of `keys`, over and over.
pub(super) fn open(
    broker: &Broker,
    keys: &[String],
    body: &[u8],
) -> Result<(TcpStream, Tape), Problem> {
    match broker.kind {
        Kind::Hopwire | Kind::RabbitMq => {
            let content = amqp::transient(body);
            let tape =
                Tape::new(keys, |out, key| amqp::append_publish(out, "amq.topic", key, content));
            Ok((amqp::Connection::open(broker.publish)?.stream, tape))
        }
        Kind::Nats => Ok((nats(broker)?, Tape::new(keys, |out, key| nats_publish(out, key, body)))),
        Kind::Floor => {
            let stream = TcpStream::connect(broker.publish)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            let tape = Tape::new(keys, |out, key| append_message(out, key.as_bytes(), body));
            Ok((stream, tape))
        }
        Kind::Mosquitto => Err("nothing is published to Mosquitto here".into()),
    }
}

fn nats(broker: &Broker) -> Result<TcpStream, Problem> {
    let mut stream = TcpStream::connect(broker.publish)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"CONNECT {\"verbose\":false,\"pedantic\":false}\r\nPING\r\n")?;
    let (mut heard, mut piece) = (Vec::new(), [0; 4096]);
    while memchr::memmem::find(&heard, b"PONG\r\n").is_none() {
        let bytes = stream.read(&mut piece)?;
        if bytes == 0 {
            return Err("NATS closed the connection during login".into());
        }
        heard.extend_from_slice(piece.get(..bytes).unwrap_or_default());
    }
    Ok(stream)
}

fn nats_publish(out: &mut Vec<u8>, subject: &str, body: &[u8]) {
    out.extend_from_slice(format!("PUB {subject} {}\r\n", body.len()).as_bytes());
    out.extend_from_slice(body);
    out.extend_from_slice(b"\r\n");
}
