"""A disk without room left: what cannot be kept is not confirmed, and what was confirmed is there."""

import os

import pika

from api import http, named, state
from story import EVENT_SECONDS_MAX, equal, story, take, unique

MEBIBYTE = 1 << 20
# The story's disk has room for far fewer.
MESSAGES_MAX = 400


def fill(disk):
    """Leaves four megabytes of it."""
    found = os.statvfs(disk)
    with open(f"{disk}/filler", "wb") as filler:
        free = found.f_bavail * found.f_frsize
        os.posix_fallocate(filler.fileno(), 0, max(free - 4_000_000, 1))


@story("after a failed write nothing is confirmed, publishers are blocked, consumers drain")
def tell():
    name = unique("queue")
    publisher, consumer = named(name), named(unique("consuming"))
    blocked = []
    publisher.add_on_connection_blocked_callback(lambda _, method: blocked.append(method.method))
    channel, other = publisher.channel(), consumer.channel()
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    persistent = pika.BasicProperties(delivery_mode=2)

    def is_confirmed(number):
        body = b"%d " % number + b"x" * MEBIBYTE
        try:
            channel.basic_publish("", name, body, persistent)
        except pika.exceptions.NackError:
            return False
        return True

    assert is_confirmed(0)
    fill(os.environ["DISK"])
    confirmed = 1
    while confirmed < MESSAGES_MAX and is_confirmed(confirmed):
        confirmed += 1
    assert confirmed < MESSAGES_MAX
    # If the failure came behind that publish, the next one finds it.
    publisher.process_data_events(0)
    if not blocked:
        assert not is_confirmed(confirmed)
    while not blocked:
        publisher.process_data_events(EVENT_SECONDS_MAX)
    equal((blocked[0].reason, state(name)), ("the store failed", ["blocked"]))
    status, found = http("GET", "/api/health/checks/local-alarms")
    equal((status, [alarm["resource"] for alarm in found["alarms"]]), (503, ["store"]))
    (node,) = http("GET", "/api/nodes")[1]
    equal((node["store_alarm"], node["mem_alarm"], node["disk_free_alarm"]), (True, False, False))
    assert node["store_failure"]

    numbers = [int(body.split()[0]) for *_, body in take(consumer, other, name, confirmed)]
    equal(numbers, list(range(confirmed)))
    consumer.close()
