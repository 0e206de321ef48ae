"""A backlog that fills the memory blocks its publisher until it is gone."""

from api import http, named, state
from story import EVENT_SECONDS_MAX, equal, story, unique

MEBIBYTE = 1 << 20
# The story's watermark is far below it.
MESSAGES_MAX = 400


@story("a backlog above the watermark blocks its publisher, and its purge lets it go on")
def tell():
    name = unique("queue")
    publisher, consumer = named(name), named(unique("consuming"))
    heard = []
    publisher.add_on_connection_blocked_callback(lambda _, method: heard.append(method.method))
    publisher.add_on_connection_unblocked_callback(lambda _, method: heard.append(method.method))
    channel, other = publisher.channel(), consumer.channel()
    channel.queue_declare(name)
    equal(http("GET", "/api/health/checks/alarms")[0], 200)

    # Slowly enough that the watch, which looks every two and a half seconds, is in time.
    channel.confirm_delivery()
    published = 0
    while not heard:
        assert published < MESSAGES_MAX, f"not blocked after {published} MiB"
        channel.basic_publish("", name, b"x" * MEBIBYTE)
        published += 1
        publisher.process_data_events(0.05)
    equal((heard.pop().reason, state(name)), ("low on memory", ["blocked"]))
    (node,) = http("GET", "/api/nodes")[1]
    assert node["mem_alarm"] and node["mem_used"] > node["mem_limit"], node

    equal(other.queue_purge(name).method.message_count, published)
    while not heard:
        publisher.process_data_events(EVENT_SECONDS_MAX)
    equal((type(heard.pop()).__name__, state(name)), ("Unblocked", ["running"]))
    equal(http("GET", "/api/health/checks/alarms"), (200, {"status": "ok"}))
    channel.basic_publish("", name, b"after")
    equal(other.queue_purge(name).method.message_count, 1)
    publisher.close()
    consumer.close()

