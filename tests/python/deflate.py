"""Compressed messages, inflated by zlib itself at every window that can be agreed on."""

import base64
import os
import random
import socket
import struct
import zlib

from story import EVENT_SECONDS_MAX, IS_ORACLE, equal, story, unique

WS_URL = os.environ["WS_URL"]
TEXT, BINARY = 1, 2
# What ends a sync flush, and is left out of a message (RFC 7692, section 7.2.1).
FLUSH_END = b"\x00\x00\xff\xff"
# Below this a body travels as it is (`web_stomp.deflate_above`; ours alone).
THRESHOLD = 1024
BITS = range(8, 16)

OFFERS = [
    "permessage-deflate",
    "permessage-deflate; server_no_context_takeover",
    "permessage-deflate; client_no_context_takeover",
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
    "permessage-deflate; client_max_window_bits",
    *(f"permessage-deflate; client_max_window_bits={bits}" for bits in BITS),
    *(f"permessage-deflate; server_max_window_bits={bits}" for bits in BITS),
    # A browser with little memory, which would rather have no compression than a large window.
    *(
        f"permessage-deflate; server_max_window_bits={bits}; server_no_context_takeover;"
        f" client_max_window_bits={bits}; client_no_context_takeover"
        for bits in (8, 9, 12, 15)
    ),
    # The first that the server can serve counts.
    "permessage-deflate; server_max_window_bits=9, permessage-deflate",
]


def offered(text):
    """The offers by their parameters; a parameter without a value has `None`."""
    for offer in text.split(","):
        name, *parameters = (part.strip() for part in offer.split(";"))
        equal(name, "permessage-deflate")
        pairs = (parameter.partition("=")[::2] for parameter in parameters)
        yield {name: int(value) if value else None for name, value in pairs}


def allowed(answer, offer):
    """May this be answered to that offer? RFC 7692, section 7.1."""
    if "server_no_context_takeover" in offer and "server_no_context_takeover" not in answer:
        return False
    if "server_max_window_bits" in offer:
        if not answer.get("server_max_window_bits", 16) <= offer["server_max_window_bits"]:
            return False
    if "client_max_window_bits" in answer:
        if "client_max_window_bits" not in offer:
            return False
        most = offer["client_max_window_bits"] or 15
        return 8 <= answer["client_max_window_bits"] <= most
    return True


class Page:
    """A bare WebSocket: frames by hand, DEFLATE by zlib."""

    def __init__(self, offer):
        host, port = WS_URL.removeprefix("ws://").split("/")[0].split(":")
        self.socket = socket.create_connection((host, int(port)), EVENT_SECONDS_MAX)
        self.input = self.socket.makefile("rb")
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            f"Sec-WebSocket-Protocol: v12.stomp\r\n"
            f"Sec-WebSocket-Extensions: {offer}\r\n\r\n".encode()
        )
        status = self.input.readline()
        assert b" 101 " in status, status
        lines = iter(self.input.readline, b"\r\n")
        head = dict(line.decode().strip().lower().split(": ", 1) for line in lines)
        self.answer = head.get("sec-websocket-extensions")
        agreed = next(offered(self.answer)) if self.answer else {}
        if self.answer:
            assert any(allowed(agreed, one) for one in offered(offer)), f"{offer}: {self.answer}"
        # zlib cannot deflate with 8 bits; with 9 it reaches back less than 256 bytes (deflate.c).
        self.client_bits = max(agreed.get("client_max_window_bits", 15), 9)
        self.keeps_client = "client_no_context_takeover" not in agreed
        self.server_bits = agreed.get("server_max_window_bits", 15)
        self.keeps_server = "server_no_context_takeover" not in agreed
        self.deflater = self.inflater = None

    def say(self, payload):
        """One binary message, compressed if that was agreed on."""
        first = 0x80 | BINARY
        if self.answer:
            if self.deflater is None or not self.keeps_client:
                self.deflater = zlib.compressobj(6, zlib.DEFLATED, -self.client_bits)
            payload = self.deflater.compress(payload) + self.deflater.flush(zlib.Z_SYNC_FLUSH)
            payload = payload.removesuffix(FLUSH_END)
            first |= 0x40
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", first, 0x80 | size)
        elif size < 65_536:
            head = struct.pack(">BBH", first, 0x80 | 126, size)
        else:
            head = struct.pack(">BBQ", first, 0x80 | 127, size)
        mask = os.urandom(4)
        repeated = int.from_bytes((mask * (size // 4 + 1))[:size], "big")
        masked = (int.from_bytes(payload, "big") ^ repeated).to_bytes(size, "big")
        self.socket.sendall(head + mask + masked)

    def hear(self):
        """The next message: opcode, whether it travelled compressed, payload."""
        first, second = self.input.read(2)
        assert first & 0x80 and not first & 0x30 and not second & 0x80, (first, second)
        size = second
        if second == 126:
            (size,) = struct.unpack(">H", self.input.read(2))
        elif second == 127:
            (size,) = struct.unpack(">Q", self.input.read(8))
        payload = self.input.read(size)
        if not first & 0x40:
            return first & 0x0F, False, payload
        assert self.answer, "compressed, and that was not agreed on"
        if self.inflater is None or not self.keeps_server:
            self.inflater = zlib.decompressobj(-self.server_bits)
        # A few bytes at a time: inside what one call puts out, zlib forgives a reach beyond the
        # window.
        whole = payload + FLUSH_END
        pieces = (whole[at : at + 8] for at in range(0, len(whole), 8))
        plain = b"".join(map(self.inflater.decompress, pieces))
        assert not self.inflater.unconsumed_tail and not self.inflater.unused_data
        return first & 0x0F, True, plain

    def log_in(self, topic):
        self.say(b"CONNECT\naccept-version:1.2\nhost:/\nlogin:guest\npasscode:guest\n\n\0")
        assert self.hear()[2].startswith(b"CONNECTED\n")
        self.say(b"SUBSCRIBE\nid:0\nreceipt:r\ndestination:" + topic + b"\n\n\0")
        assert self.hear()[2].startswith(b"RECEIPT\n")

    def send(self, topic, body):
        head = b"SEND\ndestination:%b\ncontent-length:%d\n\n" % (topic, len(body))
        self.say(head + body + b"\0")

    def expect(self, body):
        opcode, is_compressed, frame = self.hear()
        head, _, rest = frame.partition(b"\n\n")
        assert head.startswith(b"MESSAGE\n"), head[:200]
        assert rest[: len(body)] == body and rest[len(body) :] in (b"\0", b"\0\n"), (
            f"{len(body)} bytes sent, other {len(rest)} came"
        )
        if IS_ORACLE:
            return is_compressed
        equal(opcode, TEXT if is_text(body) else BINARY, "opcode")
        if len(body) < THRESHOLD:
            assert not is_compressed, f"{len(body)} bytes are below the threshold"
        return is_compressed


def is_text(body):
    """Is it UTF-8?"""
    try:
        body.decode()
        return True
    except UnicodeDecodeError:
        return False


def mix():
    """Bodies of every kind, and whether they are to shrink."""
    chance = random.Random(7692)
    noise = chance.randbytes(65_536)
    rows = "".join(f'{{"row":{row},"name":"Zeile äöü€🙂"}},' for row in range(40_000)).encode()
    yield b"", False
    yield rows[:100], False
    yield rows[: THRESHOLD - 1], False
    yield rows[:THRESHOLD], True
    # Repeats from just within each window, which the next smaller one does not reach.
    for bits in BITS:
        yield base64.b64encode(noise)[: (3 << bits) // 4] * 6, True
    yield b"\xff\xfe" * 1000, True
    yield noise, False
    yield b"x" * 65_536, True
    yield rows[: 1 << 20], True


@story("whatever window a client asks for, zlib inflates what it gets with that window")
def tell():
    bodies = list(mix())
    compressing = set()
    for offer in OFFERS:
        page = Page(offer)
        topic = f"/topic/{unique('window')}".encode()
        page.log_in(topic)
        for body, shrinks in bodies:
            page.send(topic, body)
            is_compressed = page.expect(body)
            if page.answer and shrinks and not IS_ORACLE:
                assert is_compressed, f"{offer}: {len(body)} bytes travel as they are"
        # Small and large in turn, all on their way at once: in order, and each inflates behind the
        # one before it.
        sent = [
            f"{number} ".encode() + bodies[3 + number % 3][0][: 300 + number * 40]
            for number in range(200)
        ]
        for body in sent:
            page.send(topic, body)
        for body in sent:
            page.expect(body)
        page.socket.close()
        if page.answer:
            compressing.add(offer)
        print(f"{offer} -> {page.answer}")
    # Declining is allowed for windows smaller than ours, and for nothing else.
    small = [f"server_max_window_bits={bits}" for bits in BITS if bits < 15]
    for offer in OFFERS:
        is_small = any(one in offer for one in small) and "," not in offer
        assert is_small or offer in compressing, f"{offer} was declined"
