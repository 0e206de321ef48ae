"""AMQP's own transactions, as pika speaks them."""

from story import connect, equal, story, unique


@story("tx.commit carries out what was published and acknowledged, tx.rollback forgets it")
def tell():
    connection = connect()
    channel = connection.channel()
    witness = connection.channel()
    name = unique("tx")
    channel.queue_declare(name, durable=True)

    def count():
        return witness.queue_declare(name, passive=True).method.message_count

    channel.tx_select()
    channel.basic_publish("", name, b"one")
    channel.basic_publish("", name, b"two")
    equal(count(), 0, "before the commit;")
    channel.tx_commit()
    equal(count(), 2, "after the commit;")

    channel.basic_publish("", name, b"never")
    channel.tx_rollback()
    channel.tx_commit()
    equal(count(), 2, "after a rollback;")

    method, _, body = channel.basic_get(name)
    equal(body, b"one")
    channel.basic_ack(method.delivery_tag)
    channel.tx_rollback()
    channel.basic_ack(method.delivery_tag)
    channel.tx_commit()
    channel.close()
    equal(count(), 1, "the ack of the second transaction counts;")
    witness.queue_delete(name)
