"""A stream longer than memory holds: filled before the node is killed, read after it came back."""

import sys

from story import connect, equal, story

MESSAGES = 5_000
BODY_BYTES = 2_000
NAME = "kept"


def body(number):
    return b"%0*d" % (BODY_BYTES, number)


def fill(connection):
    channel = connection.channel()
    channel.queue_declare(NAME, durable=True, arguments={"x-queue-type": "stream"})
    for number in range(MESSAGES):
        channel.basic_publish("", NAME, body(number))
    # What is confirmed last is confirmed with all before it.
    channel.confirm_delivery()
    channel.basic_publish("", NAME, body(MESSAGES))


def read(connection):
    for start in (0, MESSAGES // 2):
        channel = connection.channel()
        channel.basic_qos(prefetch_count=200)
        arguments = {"x-stream-offset": start}
        consumed = channel.consume(NAME, arguments=arguments, inactivity_timeout=20)
        for number in range(start, MESSAGES + 1):
            method, properties, found = next(consumed)
            told = (properties.headers["x-stream-offset"], found, method.redelivered)
            equal(told, (number, body(number), False))
            channel.basic_ack(method.delivery_tag)
        channel.close()


@story("a stream holds after a crash what was confirmed before it, and its offsets go on")
def tell():
    connection = connect()
    if sys.argv[1] == "fill":
        fill(connection)
        return
    read(connection)
    channel = connection.channel()
    channel.basic_qos(prefetch_count=1)
    arguments = {"x-stream-offset": MESSAGES + 1}
    consumed = channel.consume(NAME, arguments=arguments, inactivity_timeout=20)
    connection.channel().basic_publish("", NAME, b"after")
    _, properties, found = next(consumed)
    equal((properties.headers["x-stream-offset"], found), (MESSAGES + 1, b"after"))
