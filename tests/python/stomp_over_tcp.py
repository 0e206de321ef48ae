"""STOMP over plain TCP with stomp.py: the same session as in a browser."""

import os

from story import Page, connect, equal, story, take, unique


@story("stomp.py over TCP sends, subscribes, acknowledges and takes part in transactions")
def tell():
    connection = connect()
    channel = connection.channel()
    page = Page()

    topic = unique("topic")
    page.subscribe(f"/topic/{topic}.*")
    for number in range(100):
        page.connection.send(f"/topic/{topic}.n", str(number))
    equal([page.next().body for _ in range(100)], [str(number) for number in range(100)])

    name = unique("queue")
    channel.queue_declare(name, durable=True)
    transaction = page.connection.begin()
    page.connection.send(f"/queue/{name}", "inside", transaction=transaction)
    page.send(f"/queue/{name}", "outside")
    page.connection.commit(transaction)
    bodies = [body.decode() for _, _, body in take(connection, channel, name, 2)]
    equal(bodies, ["outside", "inside"])
    channel.cancel()

    page.subscribe(f"/queue/{name}", ack="client-individual")
    page.send(f"/queue/{name}", "refused once")
    first = page.next()
    page.connection.nack(first.headers["ack"])
    second = page.next()
    equal((second.body, second.headers["redelivered"]), ("refused once", "true"))
    page.connection.ack(second.headers["ack"])
    page.connection.disconnect(receipt="bye")
    equal(page.receipts.get(timeout=20), "bye")
    equal(channel.queue_declare(name, passive=True).method.message_count, 0)
    channel.queue_delete(name)

    wrong = Page.__new__(Page)
    try:
        wrong.__init__(passcode="wrong")
    except Exception as error:
        equal(type(error).__name__, "ConnectFailedException")
    else:
        raise AssertionError("a wrong passcode was accepted")
    equal(wrong.errors.get(timeout=20).headers["message"], "Bad CONNECT")

    gone = Page()
    gone.connection.subscribe("/exchange/does.not.exist/key", id="1")
    error = gone.errors.get(timeout=20)
    equal(error.headers["message"], "not_found")
    equal(error.body.strip(), "NOT_FOUND - no exchange 'does.not.exist' in vhost '/'")
    # Over TLS stomp.py takes the end of the stream for a pause, and waits for ever.
    if "OVER_TLS" not in os.environ:
        equal(gone.ended.get(timeout=20), True)
