//! From the start of a process to the first session that is logged in.

use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::Problem;
use crate::broker::{Broker, Kind};
use crate::figure::{Measured, median};
use crate::load::WebSocket;
use crate::peer::{Programs, floor_command, free_place, hopwire_command, nats_command};

/// Starts of one measurement.
const STARTS: usize = 7;

/// How often it is tried to connect.
const TRY_EVERY: Duration = Duration::from_micros(200);

const PATIENCE: Duration = Duration::from_secs(20);

/// The median in milliseconds.
pub(super) fn measure(broker: &Broker, programs: &Programs) -> Result<Measured, Problem> {
    if broker.kind == Kind::RabbitMq {
        let value = programs.rabbitmq_start_ms.ok_or("nobody said how long RabbitMQ took")?;
        return Ok(Measured { value, ..Measured::default() });
    }
    let mut times = Vec::new();
    for _ in 0..STARTS {
        times.push(start(broker, programs)?.as_secs_f64() * 1e3);
    }
    Ok(Measured { value: median(times).unwrap_or_default(), ..Measured::default() })
}

fn start(broker: &Broker, programs: &Programs) -> Result<Duration, Problem> {
    let place = free_place()?;
    let mut command: Command = match broker.kind {
        Kind::Hopwire => hopwire_command(programs, place.port()),
        Kind::Floor => floor_command(place.port())?,
        Kind::Nats => nats_command(programs, place.port(), free_place()?.port())?,
        Kind::RabbitMq | Kind::Mosquitto => return Err("not started here".into()),
    };
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut browser = broker.browser();
    browser.place = place;
    let start = Instant::now();
    let _process = Process(command.spawn()?);
    let stream = loop {
        match TcpStream::connect(place) {
            Ok(stream) => break stream,
            Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
            Err(_) => sleep(TRY_EVERY),
        }
    };
    WebSocket::open(stream, &browser)?;
    Ok(start.elapsed())
}

/// A process that ends with its owner.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may be gone already; nothing else is to be done then.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}
