"""Queues as pika sees them: lifetimes, names, get, order."""

from story import connect, equal, refused, story, take, unique


def exclusive_and_auto_delete(connection):
    owner = connect()
    channel = owner.channel()
    exclusive, last_consumer = unique("exclusive"), unique("auto-delete")
    channel.queue_declare(exclusive, exclusive=True)
    channel.queue_declare(last_consumer, auto_delete=True)
    channel.basic_consume(last_consumer, lambda *_: None)
    locked = f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{exclusive}'"
    other = connection.channel()
    try:
        other.queue_declare(exclusive, passive=True)
    except Exception as error:
        equal(error.reply_code, 405)
        equal(error.reply_text[: len(locked)], locked)
    else:
        raise AssertionError("another connection could use an exclusive queue")
    owner.close()
    for name in (exclusive, last_consumer):
        wanted = f"NOT_FOUND - no queue '{name}' in vhost '/'"
        refused(404, wanted, lambda: connection.channel().queue_declare(name, passive=True))

    owner = connect()
    channel = owner.channel()
    channel.queue_declare(last_consumer, auto_delete=True)
    tag = channel.basic_consume(last_consumer, lambda *_: None)
    channel.basic_cancel(tag)
    wanted = f"NOT_FOUND - no queue '{last_consumer}' in vhost '/'"
    refused(404, wanted, lambda: owner.channel().queue_declare(last_consumer, passive=True))
    owner.close()


def server_named(connection):
    channel = connection.channel()
    names = [channel.queue_declare("", exclusive=True).method.queue for _ in range(3)]
    equal(len(set(names)), 3)
    for name in names:
        equal(name[:8], "amq.gen-")
    # An empty name means the last one declared on the channel.
    channel.queue_bind("", "amq.direct", routing_key="last")
    channel.confirm_delivery()
    channel.basic_publish("amq.direct", "last", b"for the last", mandatory=True)
    equal(channel.queue_declare(names[-1], passive=True).method.message_count, 1)


def basic_get(connection):
    channel = connection.channel()
    name = unique("get")
    channel.queue_declare(name, durable=True)
    equal(channel.basic_get(name), (None, None, None))
    channel.confirm_delivery()
    for body in (b"a", b"b", b"c"):
        channel.basic_publish("", name, body)
    method, _, body = channel.basic_get(name)
    equal((body, method.message_count, method.redelivered), (b"a", 2, False))
    channel.basic_nack(method.delivery_tag, requeue=True)
    method, _, body = channel.basic_get(name)
    equal((body, method.message_count, method.redelivered), (b"a", 2, True))
    channel.basic_ack(method.delivery_tag)
    method, _, body = channel.basic_get(name, auto_ack=True)
    equal((body, method.message_count), (b"b", 1))
    channel.basic_reject(channel.basic_get(name)[0].delivery_tag, requeue=False)
    equal(channel.basic_get(name), (None, None, None))
    unknown = "PRECONDITION_FAILED - unknown delivery tag 99"
    channel.basic_ack(99)
    refused(406, unknown, lambda: channel.queue_declare(name, passive=True))
    connection.channel().queue_delete(name)


def requeued_in_place(connection):
    channel = connection.channel()
    name = unique("requeue")
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    for number in range(6):
        channel.basic_publish("", name, str(number).encode())
    first = connect()
    held = first.channel()
    held.basic_qos(prefetch_count=4)
    tags = [method.delivery_tag for method, *_ in take(first, held, name, 4, auto_ack=False)]
    held.basic_ack(tags[1])
    first.close()
    found = take(connection, channel, name, 5)
    equal([body for *_, body in found], [b"0", b"2", b"3", b"4", b"5"])
    # The ack may have brought the first consumer a fifth message before it went.
    equal([method.redelivered for method, *_ in found[:3]], [True, True, True])
    equal(found[4][0].redelivered, False)
    channel.cancel()
    connection.channel().queue_delete(name)


def recovered(connection):
    channel = connection.channel()
    name = unique("recover")
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    channel.basic_publish("", name, b"again")
    equal(channel.basic_get(name)[0].redelivered, False)
    channel.basic_recover(requeue=True)
    method, _, body = channel.basic_get(name)
    equal((method.redelivered, body), (True, b"again"))
    connection.channel().queue_delete(name)


def purge_and_delete(connection):
    channel = connection.channel()
    name = unique("purge")
    channel.queue_declare(name, durable=True)
    channel.confirm_delivery()
    for _ in range(3):
        channel.basic_publish("", name, b"x")
    equal(channel.queue_purge(name).method.message_count, 3)
    channel.basic_publish("", name, b"x")
    not_empty = f"PRECONDITION_FAILED - queue '{name}' in vhost '/' not empty"
    refused(406, not_empty, lambda: connection.channel().queue_delete(name, if_empty=True))
    equal(channel.queue_delete(name).method.message_count, 1)
    equal(channel.queue_delete(name).method.message_count, 0, "deleting what is gone is fine")


def redeclared(connection):
    channel = connection.channel()
    name = unique("redeclared")
    channel.queue_declare(name, durable=True)
    wanted = (
        f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
        "received 'false' but current is 'true'"
    )
    refused(406, wanted, lambda: connection.channel().queue_declare(name, durable=False))
    channel.queue_delete(name)


@story("queues live, are named, give and keep their order as AMQP asks")
def tell():
    connection = connect()
    exclusive_and_auto_delete(connection)
    server_named(connection)
    basic_get(connection)
    requeued_in_place(connection)
    recovered(connection)
    purge_and_delete(connection)
    redeclared(connection)
