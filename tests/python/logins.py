"""Refused logins over AMQP with their codes and texts, as pika tells them."""

import pika

from story import connect, story

REFUSED = (
    "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
    "For details see the broker logfile."
)


def refused_login(text, **changes):
    try:
        connect(**changes)
    except pika.exceptions.AMQPConnectionError as error:
        # pika wraps what the broker said into errors of its own.
        if text not in repr(error):
            raise AssertionError(f"wanted {text}, found {error!r}") from error
        return
    raise AssertionError(f"was not refused, wanted {text}")


@story("a refused AMQP login is told its code and why")
def tell():
    for login in (("guest", "wrong"), ("nobody", "guest"), ("guest", "")):
        refused_login(REFUSED, credentials=pika.PlainCredentials(*login))
    refused_login("NOT_ALLOWED - vhost no-such-vhost not found", virtual_host="no-such-vhost")
    connect().close()
