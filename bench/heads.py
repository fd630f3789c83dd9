"""What reading one head costs, in microseconds a call, with httptools beside it: `python bench/heads.py`."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import httptools

from meshd.http1.fields import Fields
from meshd.http1.framing import ChunkReader, chunk, request_framing, response_framing
from meshd.http1.head import HeadLimits, read_request, read_response
from meshd.http1.keep import end_to_end, keeps_alive
from meshd.http1.render import render_request
from meshd.http1.target import AbsoluteForm, check_host, read_target

LIMITS = HeadLimits()
DROPPED = frozenset({b"host", b"content-length", b"transfer-encoding"})


def padded(head: bytes, size: int) -> bytes:
    """The head as long as wanted, by its cookie."""
    return head.replace(b"session=", b"session=" + b"c" * (size - len(head)))


GET = padded(
    b"GET http://www.example.com/some/path/index.html?x=1&y=2 HTTP/1.1\r\nHost: www.example.com\r\n"
    b"Proxy-Authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQxMjM0NTY=\r\n"
    b"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0\r\n"
    b"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\nAccept-Language: en-US,en;q=0.5\r\n"
    b"Accept-Encoding: gzip, deflate, br\r\nX-ProxyMesh-Country: US\r\nCookie: session=\r\n"
    b"Proxy-Connection: keep-alive\r\nConnection: keep-alive\r\n\r\n",
    573,
)
CONNECT = padded(
    b"CONNECT www.example.com:443 HTTP/1.1\r\nHost: www.example.com:443\r\nUser-Agent: curl/8.5.0\r\n"
    b"Proxy-Authorization: Basic dXNlcm5hbWU6cGFzc3dvcmQxMjM0NTY=\r\nX-ProxyMesh-Session: session=\r\n"
    b"Proxy-Connection: Keep-Alive\r\n\r\n",
    269,
)
RESPONSE = padded(
    b"HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/html\r\n"
    b"Content-Length: 0\r\nConnection: keep-alive\r\nSet-Cookie: session=\r\n\r\n",
    200,
)
CHUNKS = chunk(b"x" * 4096) * 16 + b"0\r\n\r\n"


class Collected:
    """What httptools hands over, kept in the same shape as ours."""

    def __init__(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []

    def on_url(self, target: bytes) -> None:
        self.target = target

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def httptools_request(data: bytes) -> tuple[object, ...]:
    collected = Collected()
    parser = httptools.HttpRequestParser(collected)
    with suppress(httptools.HttpParserUpgrade):
        parser.feed_data(data)
    return parser.get_method(), collected.target, parser.get_http_version(), collected.fields


def httptools_response(data: bytes) -> tuple[object, ...]:
    collected = Collected()
    parser = httptools.HttpResponseParser(collected)
    parser.feed_data(data)
    return parser.get_status_code(), parser.get_http_version(), collected.fields


def forward(data: bytes) -> bytes:
    """Everything that this package does for one request to be forwarded."""
    head = read_request(data, LIMITS)
    assert head is not None
    target = read_target(head.method, head.target)
    assert isinstance(target, AbsoluteForm)
    check_host(head, target)
    request_framing(head)
    keeps_alive(head.minor, head.fields)
    fields = end_to_end(head.fields, DROPPED, (b"proxy-", b"x-proxymesh-"))
    return render_request(head.method, target.path, target.authority, fields)


def answer(data: bytes) -> Fields:
    head = read_response(data, 65536)
    assert head is not None
    response_framing(b"GET", head)
    return Fields(end_to_end(head.fields, DROPPED))


def microseconds(call: Callable[[], object]) -> float:
    """The best of several runs: what disturbs a run only ever makes it longer."""
    return min(timeit.repeat(call, number=5000, repeat=9)) / 5000 * 1e6


def main() -> None:
    rows: list[tuple[str, Callable[[], object], Callable[[], object] | None]] = [
        (f"GET, {len(GET)} bytes", partial(read_request, GET, LIMITS), partial(httptools_request, GET)),
        (f"CONNECT, {len(CONNECT)} bytes", partial(read_request, CONNECT, LIMITS), partial(httptools_request, CONNECT)),
        (
            f"response, {len(RESPONSE)} bytes",
            partial(read_response, RESPONSE, 65536),
            partial(httptools_response, RESPONSE),
        ),
        ("GET unfinished by 2 bytes", partial(read_request, GET[:-2], LIMITS), None),
        ("GET, all until it is written on", partial(forward, GET), None),
        ("response, all until it is written on", partial(answer, RESPONSE), None),
        ("64 KiB in 16 chunks", lambda: ChunkReader().feed(CHUNKS), None),
    ]
    print(f"{'':38}{'meshd':>8}{'httptools':>11}")
    for name, ours, theirs in rows:
        print(f"{name:38}{microseconds(ours):8.2f}", f"{microseconds(theirs):10.2f}" if theirs else f"{'-':>10}")


if __name__ == "__main__":
    main()
