"""Stream queues as pika and stomp.py see them: read from anywhere, told offsets, refused."""

import datetime
import time

from pika import BasicProperties

from story import IS_ORACLE, Page, connect, equal, refused, story, unique

STREAM = {"x-queue-type": "stream"}


def declare(connection, **arguments):
    """A stream, and a channel that confirms."""
    name = unique("stream")
    channel = connection.channel()
    channel.confirm_delivery()
    channel.queue_declare(name, durable=True, arguments={**STREAM, **arguments})
    return channel, name


def publish(channel, name, *bodies):
    """Publishes and waits until RabbitMQ, too, lets consumers have it."""
    for body in bodies:
        channel.basic_publish("", name, body, BasicProperties(headers={"body": body}))


def read(connection, name, count, offset=None, prefetch=10):
    """The next messages from an offset on, acknowledged, as (offset, body, header)."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=prefetch)
    arguments = {} if offset is None else {"x-stream-offset": offset}
    found = []
    for method, properties, body in channel.consume(
        name, arguments=arguments, inactivity_timeout=20
    ):
        if method is None:
            raise TimeoutError(f"{len(found)} of {count} messages of {name}")
        equal(method.redelivered, False)
        found.append((properties.headers["x-stream-offset"], body, properties.headers["body"]))
        channel.basic_ack(method.delivery_tag)
        if len(found) == count:
            break
    channel.close()
    return found


def everybody_reads_all(connection):
    channel, name = declare(connection)
    bodies = [b"%d" % number for number in range(100)]
    publish(channel, name, *bodies)
    wanted = [(number, body, body) for number, body in enumerate(bodies)]
    equal(read(connection, name, 100, "first"), wanted)
    # Nothing was taken out, whoever acknowledges.
    equal(read(connection, name, 100, "first", prefetch=1), wanted)
    equal(read(connection, name, 58, 42), wanted[42:])
    yesterday = datetime.datetime.now() - datetime.timedelta(days=1)
    equal(read(connection, name, 100, yesterday), wanted)
    equal(read(connection, name, 100, "1h"), wanted)
    # Of RabbitMQ the last chunk.
    last = read(connection, name, 1, "last")[0][0]
    equal(last, last if IS_ORACLE else 99)
    channel.queue_delete(name)


def next_is_the_default(connection):
    channel, name = declare(connection)
    publish(channel, name, b"before")
    reader = connection.channel()
    reader.basic_qos(prefetch_count=2)
    heard = []
    reader.basic_consume(name, lambda _c, method, _p, body: heard.append((method, body)))
    publish(channel, name, b"a", b"b", b"c")
    deadline = time.monotonic() + 20
    while len(heard) < 2 and time.monotonic() < deadline:
        connection.process_data_events(1)
    equal([body for _, body in heard], [b"a", b"b"])
    # A rejected message is gone for this consumer, and its credit is back; RabbitMQ 3.10 refuses.
    settle = reader.basic_ack if IS_ORACLE else reader.basic_reject
    settle(heard[0][0].delivery_tag)
    while len(heard) < 3 and time.monotonic() < deadline:
        connection.process_data_events(1)
    equal([body for _, body in heard], [b"a", b"b", b"c"])
    channel.queue_delete(name)


def what_a_stream_refuses(connection):
    _, name = declare(connection)

    def fresh(prefetch=10):
        channel = connect().channel()
        if prefetch:
            channel.basic_qos(prefetch_count=prefetch)
        return channel

    queue = f"queue '{name}' in vhost '/'"
    for what, attempt in [
        ("basic.get", lambda: fresh().basic_get(name)),
        ("queue.purge", lambda: fresh().queue_purge(name)),
    ]:
        wanted = f"NOT_IMPLEMENTED - {what} not supported by stream queues {queue}"
        refused(540, wanted, attempt)
    # RabbitMQ 3.10 quotes the queue once more, and says "stream queues" of acknowledgements.
    wanted = f"PRECONDITION_FAILED - consumer prefetch count is not set for stream {queue}"
    if IS_ORACLE:
        wanted = f"PRECONDITION_FAILED - consumer prefetch count is not set for '{queue}'"
    refused(406, wanted, lambda: fresh(0).basic_consume(name, print))
    streams = "stream queues" if IS_ORACLE else "stream"
    wanted = f"NOT_IMPLEMENTED - automatic acknowledgement not supported by {streams} {queue}"
    refused(540, wanted, lambda: fresh().basic_consume(name, print, auto_ack=True))
    invalid = '{invalid_stream_offset_arg,{longstr,<<"0h">>}}'
    wanted = f"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for {queue}: {invalid}"
    start = {"x-stream-offset": "0h"}
    refused(406, wanted, lambda: fresh().basic_consume(name, print, arguments=start))
    wanted = f"PRECONDITION_FAILED - invalid arg 'x-priority' for {queue} of queue type "
    priority = {"x-priority": 1}
    wanted += "rabbit_stream_queue"
    refused(406, wanted, lambda: fresh().basic_consume(name, print, arguments=priority))

    classic = unique("classic")
    fresh().queue_declare(classic)
    wanted = f"PRECONDITION_FAILED - invalid arg 'x-stream-offset' for queue '{classic}' in vhost "
    wanted += "'/' of queue type rabbit_classic_queue"
    start = {"x-stream-offset": "first"}
    refused(406, wanted, lambda: fresh().basic_consume(classic, print, arguments=start))
    wanted = "PRECONDITION_FAILED - Exceeded max value for x-stream-max-segment-size-bytes"
    size = {**STREAM, "x-stream-max-segment-size-bytes": 3_000_000_001}
    refused(406, wanted, lambda: fresh().queue_declare(name + "x", durable=True, arguments=size))
    connection.channel().queue_delete(classic)
    connection.channel().queue_delete(name)


def over_stomp(connection):
    name, page = unique("stream"), Page()
    headers = {"x-queue-type": "stream", "x-max-age": "10h"}
    for number in range(5):
        page.send(f"/queue/{name}", f"{number}", **headers)
    subscribed = {**headers, "prefetch-count": "2", "x-stream-offset": "first"}
    page.subscribe(f"/queue/{name}", ack="client-individual", **subscribed)
    for number in range(5):
        frame = page.next()
        equal((frame.body, frame.headers["x-stream-offset"]), (f"{number}", f"{number}"))
        equal(frame.headers["redelivered"], "false")
        settle = page.connection.ack if IS_ORACLE else page.connection.nack
        settle(frame.headers["ack"])
    subscribed["x-stream-offset"] = "offset=3"
    page.subscribe(f"/amq/queue/{name}", ack="client", **subscribed)
    equal([page.next().headers["x-stream-offset"] for _ in range(2)], ["3", "4"])
    page.connection.disconnect()

    # RabbitMQ 3.10 fails over its own refusal here.
    refusal = "Processing error" if IS_ORACLE else "not_implemented"
    for words, wanted in [
        ({"ack": "auto", "prefetch-count": "2"}, refusal),
        ({"ack": "client"}, "precondition_failed"),
    ]:
        page = Page()
        page.connection.subscribe(f"/queue/{name}", "1", words.pop("ack"), {**headers, **words})
        equal(page.errors.get(timeout=20).headers["message"], wanted)

    page = Page()
    page.subscribe(f"/queue/{name}", ack="client", **subscribed)
    equal([page.next().headers["x-stream-offset"] for _ in range(2)], ["3", "4"])
    connection.channel().queue_delete(name)
    equal(page.errors.get(timeout=20).headers["message"], "Server cancelled subscription")


def filtered(connection):
    """A consumer gets at least what matches; here no more."""
    channel, name = declare(connection)
    for number in range(20):
        headers = {"body": b"%d" % number}
        if number % 4:
            headers["x-stream-filter-value"] = f"{number % 4}"
        channel.basic_publish("", name, b"%d" % number, BasicProperties(headers=headers))
    reader = connection.channel()
    reader.basic_qos(prefetch_count=100)
    for words, wanted in [
        ({"x-stream-filter": "1"}, [1, 5, 9, 13, 17]),
        ({"x-stream-filter": ["2", "3"]}, [2, 3, 6, 7, 10, 11, 14, 15, 18, 19]),
        (
            {"x-stream-filter": "1", "x-stream-match-unfiltered": True},
            [0, 1, 4, 5, 8, 9, 12, 13, 16, 17],
        ),
    ]:
        arguments = {**words, "x-stream-offset": "first"}
        consumed = reader.consume(name, arguments=arguments, inactivity_timeout=20)
        equal([int(next(consumed)[2]) for _ in wanted], wanted)
        reader.cancel()
    channel.queue_delete(name)


@story("a stream is read by everybody from where they like, over AMQP and STOMP")
def tell():
    connection = connect()
    everybody_reads_all(connection)
    next_is_the_default(connection)
    what_a_stream_refuses(connection)
    over_stomp(connection)
    # RabbitMQ 3.10 has no filters.
    if not IS_ORACLE:
        filtered(connection)
