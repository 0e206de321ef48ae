"""What the management API says, for stories that ask it."""

import base64
import json
import os
import urllib.error
import urllib.request

from story import EVENT_SECONDS_MAX, connect


def http(method, path):
    """The status and the JSON of an answer of the management API."""
    request = urllib.request.Request(os.environ["HTTP_URL"] + path, method=method)
    login = base64.b64encode(b"guest:guest").decode()
    request.add_header("Authorization", f"Basic {login}")
    try:
        with urllib.request.urlopen(request, timeout=EVENT_SECONDS_MAX) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body) if body else None


def state(name):
    """The state of the connection that gave itself that name."""
    _, listed = http("GET", "/api/connections")
    return [one["state"] for one in listed if one.get("user_provided_name") == name]


def named(name, **changes):
    """A connection that gives itself that name."""
    return connect(client_properties={"connection_name": name}, **changes)
