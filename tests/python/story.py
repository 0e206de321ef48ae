"""What every Python story stands on: where the broker is, inboxes, an end in time."""

import os
import queue
import signal
import sys
import traceback
import uuid

import pika
import stomp

AMQP_URL = os.environ["AMQP_URL"]
STOMP_ADDRESS = os.environ["STOMP_ADDRESS"]
IS_ORACLE = os.environ["BROKER"] == "rabbitmq"

EVENT_SECONDS_MAX = 20
STORY_SECONDS_MAX = 100


def unique(name):
    """A name that no other story and no earlier run used."""
    return f"{name}-{uuid.uuid4().hex[:12]}"


def connect(**changes):
    """A blocking pika connection."""
    parameters = pika.URLParameters(AMQP_URL)
    parameters.blocked_connection_timeout = EVENT_SECONDS_MAX
    for name, value in changes.items():
        setattr(parameters, name, value)
    return pika.BlockingConnection(parameters)


def take(connection, channel, name, count, auto_ack=True):
    """The next `count` messages of a queue, as (method, properties, body)."""
    found = []
    consumed = channel.consume(name, auto_ack=auto_ack, inactivity_timeout=EVENT_SECONDS_MAX)
    for method, properties, body in consumed:
        if method is None:
            raise TimeoutError(f"{len(found)} of {count} messages of {name}")
        found.append((method, properties, body))
        if len(found) == count:
            break
    return found


class Page(stomp.ConnectionListener):
    """A stomp.py connection over TCP whose frames wait in inboxes."""

    def __init__(self, login="guest", passcode="guest", host="/"):
        address, port = STOMP_ADDRESS.split(":")
        self.messages, self.receipts, self.errors = queue.Queue(), queue.Queue(), queue.Queue()
        self.ended = queue.Queue()
        self.connection = stomp.Connection12([(address, int(port))], vhost=host)
        if "OVER_TLS" in os.environ:
            authority = os.environ["SSL_CERT_FILE"]
            self.connection.set_ssl(for_hosts=[(address, int(port))], ca_certs=authority)
        self.connection.set_listener("story", self)
        self.connection.connect(login, passcode, wait=True)

    def on_message(self, frame):
        self.messages.put(frame)

    def on_receipt(self, frame):
        self.receipts.put(frame.headers["receipt-id"])

    def on_error(self, frame):
        self.errors.put(frame)

    def on_disconnected(self):
        self.ended.put(True)

    def next(self):
        return self.messages.get(timeout=EVENT_SECONDS_MAX)

    def subscribe(self, destination, ack="auto", **headers):
        receipt = unique("receipt")
        named = {"id": receipt, "receipt": receipt}
        self.connection.subscribe(destination, ack=ack, headers=headers, **named)
        assert self.receipts.get(timeout=EVENT_SECONDS_MAX) == receipt

    def send(self, destination, body, **headers):
        """Sends, and waits for the receipt."""
        receipt = unique("receipt")
        self.connection.send(destination, body, headers=headers, receipt=receipt)
        assert self.receipts.get(timeout=EVENT_SECONDS_MAX) == receipt


def equal(found, wanted, what=""):
    """Fails with both values."""
    if found != wanted:
        raise AssertionError(f"{what} found {found!r:.800}, wanted {wanted!r:.800}")


def refused(code, text, attempt):
    """The attempt closes its channel or connection with this code and text."""
    try:
        attempt()
    except (pika.exceptions.ChannelClosed, pika.exceptions.ConnectionClosed) as error:
        equal((error.reply_code, error.reply_text), (code, text))
        return
    raise AssertionError(f"was not refused, wanted {code} {text}")


def story(claim):
    """Runs the decorated function; the exit status tells whether the claim holds."""

    def run(tell):
        def late(*_):
            raise TimeoutError(f"the story did not end within {STORY_SECONDS_MAX} s")

        signal.signal(signal.SIGALRM, late)
        signal.alarm(STORY_SECONDS_MAX)
        try:
            tell()
        except BaseException:
            traceback.print_exc()
            print(f"does not hold: {claim}", file=sys.stderr, flush=True)
            os._exit(1)
        print(f"holds: {claim}", flush=True)
        # Reader threads of clients left open must not keep the story alive.
        os._exit(0)

    return run
