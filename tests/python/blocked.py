"""An alarm that is in effect from the start: who publishes is blocked, who consumes is not."""

import urllib.parse

import pika

from api import http, named, state
from story import EVENT_SECONDS_MAX, equal, story, take, unique


@story("pika hears connection.blocked, goes on consuming, and can be closed")
def tell():
    publishing, consuming = unique("publishing"), unique("consuming")
    publisher, consumer = named(publishing), named(consuming)
    blocked = []
    publisher.add_on_connection_blocked_callback(lambda _, method: blocked.append(method))
    channel, other = publisher.channel(), consumer.channel()
    name = unique("queue")
    channel.queue_declare(name)
    channel.confirm_delivery()
    equal((state(publishing), state(consuming)), (["blocking"], ["blocking"]))

    # Of what is read before the block nothing is lost, and it is confirmed.
    channel.basic_publish("", name, b"first")
    while not blocked:
        publisher.process_data_events(EVENT_SECONDS_MAX)
    equal(blocked[0].method.reason, "low on memory")
    equal((state(publishing), state(consuming)), (["blocked"], ["blocking"]))
    equal([body for *_, body in take(consumer, other, name, 1)], [b"first"])
    other.cancel()

    reason = "There are alarms in effect in the cluster"
    status, found = http("GET", "/api/health/checks/alarms")
    equal((status, found["status"], found["reason"]), (503, "failed", reason))
    equal([alarm["resource"] for alarm in found["alarms"]], ["memory"])
    status, found = http("GET", "/api/health/checks/local-alarms")
    equal((status, found["reason"]), (503, "There are alarms in effect on the node"))
    (node,) = http("GET", "/api/nodes")[1]
    equal((node["mem_alarm"], node["mem_limit"], node["disk_free_alarm"]), (True, 1, False))
    assert node["mem_used"] > 1_000_000 and node["disk_free"] > node["disk_free_limit"], node

    # Its own time-out ends a connection that is blocked for too long.
    hasty = named(unique("hasty"), blocked_connection_timeout=1)
    hasty.channel().basic_publish("", name, b"second")
    try:
        while True:
            hasty.process_data_events(EVENT_SECONDS_MAX)
    except pika.exceptions.ConnectionBlockedTimeout:
        pass
    # Its message was read before the block.
    equal([body for *_, body in take(consumer, other, name, 1)], [b"second"])

    # An operator can end what is not read from.
    _, listed = http("GET", "/api/connections")
    (held,) = [one["name"] for one in listed if one.get("user_provided_name") == publishing]
    status, _ = http("DELETE", "/api/connections/" + urllib.parse.quote(held, safe=""))
    equal(status, 204)
    try:
        while True:
            publisher.process_data_events(EVENT_SECONDS_MAX)
    except pika.exceptions.ConnectionClosedByBroker as error:
        equal(error.reply_code, 320)
    consumer.close()

