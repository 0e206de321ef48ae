"""Exchanges of every kind, and bindings between them, as pika sees them."""

import pika

from story import connect, equal, refused, story, unique


def direct(channel, queues, arrives):
    name = unique("direct")
    channel.exchange_declare(name, "direct")
    for queue, key in [(0, "a"), (1, "a"), (2, "b"), (2, "a*")]:
        channel.queue_bind(queues[queue], name, key)
    arrives(name, "a", [0, 1])
    arrives(name, "b", [2])
    arrives(name, "c", [])
    channel.queue_unbind(queues[0], name, "a")
    arrives(name, "a", [1])
    channel.exchange_delete(name)


def fanout(channel, queues, arrives):
    name = unique("fanout")
    channel.exchange_declare(name, "fanout")
    for queue in queues:
        channel.queue_bind(queue, name, "")
    channel.queue_bind(queues[0], name, "twice")
    arrives(name, "whatever", [0, 1, 2])
    channel.exchange_delete(name)


def topic(channel, queues, arrives):
    name = unique("topic")
    channel.exchange_declare(name, "topic")
    for queue, key in [(0, "a.*.c"), (0, "a.#"), (1, "#.c"), (2, "*")]:
        channel.queue_bind(queues[queue], name, key)
    arrives(name, "a.b.c", [0, 1])
    arrives(name, "a.b.d.c", [0, 1])
    arrives(name, "a", [0, 2])
    arrives(name, "c", [1, 2])
    arrives(name, "b.d", [])
    # An empty key has no words at all.
    arrives(name, "", [])
    channel.queue_unbind(queues[0], name, "a.#")
    arrives(name, "a.b.c", [0, 1])
    arrives(name, "a.b", [])
    channel.exchange_delete(name)


def headers(channel, queues, arrives):
    name = unique("headers")
    channel.exchange_declare(name, "headers")
    wanted = {"format": "pdf", "pages": 3}
    channel.queue_bind(queues[0], name, arguments={"x-match": "all", **wanted})
    channel.queue_bind(queues[1], name, arguments={"x-match": "any", **wanted})
    arrives(name, "", [0, 1], {"format": "pdf", "pages": 3, "other": "x"})
    arrives(name, "", [1], {"format": "pdf", "pages": 4})
    arrives(name, "", [1], {"pages": 3})
    arrives(name, "", [], {"format": "text"})
    arrives(name, "", [], None)
    channel.exchange_delete(name)


def between(channel, queues, arrives):
    first, second = unique("first"), unique("second")
    channel.exchange_declare(first, "topic")
    channel.exchange_declare(second, "direct")
    channel.exchange_bind(second, first, "user.#")
    channel.queue_bind(queues[1], second, "user.7")
    arrives(first, "user.7", [1])
    arrives(first, "user.8", [])
    channel.exchange_unbind(second, first, "user.#")
    arrives(first, "user.7", [])
    channel.exchange_delete(first)
    channel.exchange_delete(second)


def refusals(connection):
    missing = unique("missing")
    not_found = f"NOT_FOUND - no exchange '{missing}' in vhost '/'"
    refused(404, not_found, lambda: connection.channel().exchange_declare(missing, passive=True))

    def publish_to_nowhere():
        channel = connection.channel()
        channel.basic_publish(missing, "key", b"x")
        channel.queue_declare("", exclusive=True)

    refused(404, not_found, publish_to_nowhere)
    reserved = "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'"
    refused(403, reserved, lambda: connection.channel().exchange_declare("amq.mine", "direct"))
    inequivalent = (
        "PRECONDITION_FAILED - inequivalent arg 'type' for exchange 'amq.topic' in vhost '/': "
        "received 'direct' but current is 'topic'"
    )
    declare = lambda: connection.channel().exchange_declare("amq.topic", "direct", durable=True)
    refused(406, inequivalent, declare)


@story("each kind of exchange routes by its own rule, and unbinding ends it")
def tell():
    connection = connect()
    channel = connection.channel()
    channel.confirm_delivery()
    queues = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]

    def arrives(exchange, key, wanted, headers=None):
        """Publishes, and compares which of the queues got it."""
        properties = pika.BasicProperties(headers=headers)
        try:
            channel.basic_publish(exchange, key, b"x", properties, mandatory=True)
        except pika.exceptions.UnroutableError:
            equal(wanted, [], f"{key} {headers} reached nobody;")
            return
        found = [at for at, name in enumerate(queues) if channel.basic_get(name, True)[0]]
        equal(found, wanted, f"{key} {headers}")
        for name in queues:
            equal(channel.basic_get(name, True)[0], None, "a queue gets a message once;")

    direct(channel, queues, arrives)
    fanout(channel, queues, arrives)
    topic(channel, queues, arrives)
    headers(channel, queues, arrives)
    between(channel, queues, arrives)
    refusals(connection)
