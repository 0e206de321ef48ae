//! STOMP over WebSocket: a receipt for each SEND, an ACK for each MESSAGE.

use std::io::Write;
use std::net::TcpStream;

use memchr::memmem;
use wire::stomp::command::Command;
use wire::stomp::encoder::FrameWriter;
use wire::websocket::frame::{Opcode, append_client};

use super::{Confirms, Consumer, PREFETCH, Publisher};
use crate::Problem;
use crate::broker::Broker;
use crate::load::{MASK, SEQUENCE, Tape, WebSocket, amqp};

pub(super) fn open(
    broker: &Broker,
    body: &[u8],
) -> Result<(StompPublisher, StompConsumer), Problem> {
    // Declared over AMQP, so that it is transient and goes with its consumer.
    let queue = format!("bench-{}-stomp", std::process::id());
    amqp::Connection::open(broker.publish)?.declare(&queue)?;
    let destination = format!("/amq/queue/{queue}");
    let connect = || {
        let stream = TcpStream::connect(broker.web_socket)?;
        WebSocket::open(stream, &broker.browser())
    };
    let mut consumer = connect()?;
    let mut frame = Vec::new();
    FrameWriter::begin(&mut frame, Command::Subscribe)
        .header("id", "0")
        .header("destination", &destination)
        .header("ack", "client-individual")
        .header("prefetch-count", PREFETCH.to_string())
        .header("receipt", "r")
        .finish(b"");
    consumer.call(&frame, b"RECEIPT")?;
    let tape = Tape::new(&[destination], |out, destination| {
        let mut frame = Vec::new();
        FrameWriter::begin(&mut frame, Command::Send)
            .header("destination", destination)
            .header("receipt", SEQUENCE)
            .finish(body);
        append_client(out, Opcode::Text, MASK, &frame);
    });
    let mut publisher = connect()?;
    publisher.walker.reset();
    let publisher = StompPublisher { socket: publisher, tape, receipts: 0 };
    Ok((publisher, StompConsumer { socket: consumer, input: Vec::new(), acks: Vec::new() }))
}

pub(super) struct StompPublisher {
    socket: WebSocket,
    tape: Tape,
    receipts: u64,
}

impl Publisher for StompPublisher {
    fn publish(&mut self, count: u64) -> Result<(), Problem> {
        Ok(self.tape.write(&mut self.socket.stream, count)?)
    }

    fn hear(&mut self, confirms: &mut Confirms) -> Result<(), Problem> {
        // Receipts are frames of their own; an ERROR would be followed by the end.
        self.socket.read(None)?;
        let receipts = self.socket.walker.messages();
        confirms.up_to(confirms.first + (receipts - self.receipts) - 1);
        self.receipts = receipts;
        Ok(())
    }
}

pub(super) struct StompConsumer {
    socket: WebSocket,
    input: Vec<u8>,
    acks: Vec<u8>,
}

impl Consumer for StompConsumer {
    fn take(&mut self, mut payload: Option<&mut Vec<u8>>) -> Result<u64, Problem> {
        self.socket.read(Some(&mut self.input))?;
        self.acks.clear();
        let (mut count, mut used) = (0, 0);
        for end in memchr::memchr_iter(0, &self.input) {
            let message = self.input.get(used..end).unwrap_or_default();
            append_ack(&mut self.acks, message)?;
            if let Some(payload) = payload.as_deref_mut() {
                // The body alone: the receipt, which is a header, has the number, too.
                let body_at = memmem::find(message, b"\n\n").unwrap_or_default();
                payload.extend_from_slice(message.get(body_at..).unwrap_or_default());
            }
            (count, used) = (count + 1, end + 1);
        }
        self.input.drain(..used);
        self.socket.stream.write_all(&self.acks)?;
        Ok(count)
    }
}

/// Acknowledges a MESSAGE by its `ack` header, which is copied as it is, escapes and all.
fn append_ack(out: &mut Vec<u8>, message: &[u8]) -> Result<(), Problem> {
    const NAME: &[u8] = b"\nack:";
    let unreadable = || String::from_utf8_lossy(message.get(..300).unwrap_or(message)).into_owned();
    let start = memmem::find(message, NAME).ok_or_else(unreadable)? + NAME.len();
    let value = message.get(start..).unwrap_or_default();
    let end = memchr::memchr(b'\n', value).unwrap_or(value.len());
    let mut frame = Vec::with_capacity(96);
    frame.extend_from_slice(b"ACK\nid:");
    frame.extend_from_slice(value.get(..end).unwrap_or_default());
    frame.extend_from_slice(b"\n\n\0");
    append_client(out, Opcode::Text, MASK, &frame);
    Ok(())
}
