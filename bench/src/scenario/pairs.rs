//! AMQP point to point: pairs of a publisher and a consumer, a queue each, automatic
//! acknowledgements, no confirms.

use super::{CpuTimes, DURATION, WARM_UP, body, check};
use crate::Problem;
use crate::broker::Broker;
use crate::figure::Measured;
use crate::load::amqp::{Connection, append_publish, delivery_bytes, transient};
use crate::load::{Counting, Crowd, Member, Pump, Tape, Window};

/// Messages on their way in all queues together, at most.
const WINDOW: u64 = 40_000;

pub(super) fn measure(broker: &Broker, pairs: u32) -> Result<Measured, Problem> {
    let body = body::plain(128);
    let (mut members, mut feeds) = (Vec::new(), Vec::new());
    for pair in 0..pairs {
        let queue = format!("bench-{}-{pair}", std::process::id());
        let mut consumer = Connection::open(broker.publish)?;
        consumer.declare(&queue)?;
        consumer.consume_all(&queue)?;
        let counting = Counting::Raw(delivery_bytes(&queue, transient(&body)));
        members.push(Member::Open { stream: consumer.stream, counting });
        let tape = Tape::new(&[queue], |out, key| append_publish(out, "", key, transient(&body)));
        feeds.push((Connection::open(broker.publish)?.stream, tape));
    }
    let crowd = Crowd::gather(members)?;
    let window = Window::Fewest(WINDOW / u64::from(pairs));
    let mut pump = Pump::new(crowd, feeds, window, 1);
    pump.run(WARM_UP)?;
    let before = CpuTimes::read(broker)?;
    let delivered = pump.run(DURATION)?;
    let cpu = CpuTimes::read(broker)?.since(before);
    check::check(&mut pump, 1)?;
    Ok(cpu.measured(delivered))
}
