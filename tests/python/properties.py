"""Properties and headers between pika and stomp.py."""

import pika

from story import Page, connect, equal, story, take, unique


@story("properties and headers keep their values from AMQP to STOMP and back")
def tell():
    name = unique("properties")
    connection = connect()
    channel = connection.channel()
    channel.queue_declare(name, durable=True)
    page = Page()
    page.subscribe(f"/amq/queue/{name}")

    properties = pika.BasicProperties(
        content_type="text/plain",
        content_encoding="identity",
        delivery_mode=2,
        priority=3,
        correlation_id="c-1",
        reply_to="somewhere",
        expiration="60000",
        message_id="m-1",
        timestamp=1_700_000_000,
        type="greeting",
        user_id="guest",
        app_id="story",
        headers={"text": "grün: \\ ok", "number": 42, "big": 2**40, "yes": True, "list": [1]},
    )
    channel.basic_publish("", name, "größe".encode(), properties)
    message = page.next()
    equal(message.body, "größe")
    wanted = {
        "destination": f"/queue/{name}",
        "redelivered": "false",
        "content-type": "text/plain",
        "content-encoding": "identity",
        "persistent": "true",
        "priority": "3",
        "correlation-id": "c-1",
        "reply-to": "/reply-queue/somewhere",
        "expiration": "60000",
        "amqp-message-id": "m-1",
        "timestamp": "1700000000",
        "type": "greeting",
        "user-id": "guest",
        "app-id": "story",
        "content-length": "7",
        "text": "grün: \\ ok",
        "number": "42",
        "big": str(2**40),
    }
    found = {header: message.headers.get(header) for header in wanted}
    equal(found, wanted)
    equal([header for header in ("yes", "list") if header in message.headers], [])

    back = unique("back")
    channel.queue_declare(back, durable=True)
    sent = {
        "content-type": "application/json",
        "content-encoding": "gzip",
        "persistent": "true",
        "priority": "7",
        "correlation-id": "c-2",
        "reply-to": "/queue/answers",
        "expiration": "60000",
        "amqp-message-id": "m-2",
        "timestamp": "1700000001",
        "type": "answer",
        "user-id": "guest",
        "app-id": "page",
        "x-trace": "a:b\\c",
    }
    page.send(f"/queue/{back}", '{"a": 1}', **sent)
    [(method, found, body)] = take(connection, channel, back, 1)
    equal((method.exchange, method.routing_key, method.redelivered), ("", back, False))
    equal(body, b'{"a": 1}')
    equal(
        {
            "content-type": found.content_type,
            "content-encoding": found.content_encoding,
            "persistent": "true" if found.delivery_mode == 2 else None,
            "priority": str(found.priority),
            "correlation-id": found.correlation_id,
            "reply-to": found.reply_to,
            "expiration": found.expiration,
            "amqp-message-id": found.message_id,
            "timestamp": str(found.timestamp),
            "type": found.type,
            "user-id": found.user_id,
            "app-id": found.app_id,
            "x-trace": found.headers["x-trace"],
        },
        sent,
    )
    channel.queue_delete(name)
    channel.queue_delete(back)
