"""What is asked through an exit: each operation by itself, and what a client saw of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count

from tests.support.origin import pattern
from tools.exits.lines import AmissError, Answer, Line, Sealed
from tools.exits.origins import HELLO, HELLO_BACK, Origins

CUSTOMER, SECRET = "anna", "correct horse"
POSTED, BIG, SEALED = 150_000, 3_000_000, 1_000_000


@dataclass
class Seen:
    """What came of one operation."""

    amiss: str = ""
    """What was not as it should be."""
    told: str = ""
    """Of a refusal: what the client was shown."""
    up: int = 0
    down: int = 0
    source: str = ""


@dataclass
class Asker:
    """A customer of one daemon whose exit is tried."""

    port: int
    origins: Origins
    _lines: list[Line] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: count(2))
    source: str = ""

    def line(self) -> Line:
        line = Line(self.port, self.source, CUSTOMER, SECRET)
        self._lines.append(line)
        return line

    def run(self, operation: Callable[[Asker], str | None]) -> Seen:
        """One operation, from an address of its own."""
        self.source, self._lines = f"127.0.3.{next(self._numbers)}", []
        self.origins.forget()
        seen = Seen(source=self.source)
        try:
            seen.told = operation(self) or ""
        except AmissError as error:
            seen.amiss = str(error)
        except TimeoutError:
            seen.amiss = "no answer"
        except ConnectionError:
            seen.amiss = "reset"
        except OSError as error:  # of TLS too
            seen.amiss = getattr(error, "verify_message", "") or type(error).__name__
        for line in self._lines:
            line.close()
            seen.up, seen.down = seen.up + line.up, seen.down + line.down
        return seen


def right(answer: Answer, body: bytes | None = None, status: int = 200) -> Answer:
    """Raises: AmissError"""
    if answer.status != status or answer.own:
        raise AmissError(answer.told)
    if body is not None and answer.body != body:
        raise AmissError("another body")
    return answer


# What is to be carried


def get(asker: Asker) -> None:
    """The origin is told no credentials, the customer's or the exit's, nor asked as a proxy is."""
    found = right(asker.line().ask("GET", asker.origins.plain.url("/echo")))
    facts = json.loads(found.body)
    if any(name.lower().startswith("proxy-") for name, _ in facts["fields"]):
        raise AmissError("the origin gets what is the exit's, its password too")
    if facts["target"] != "/echo":
        raise AmissError("the origin is asked as a proxy is")


def post(asker: Asker) -> None:
    body = pattern(POSTED)
    fields = b"Content-Length: %d\r\n" % len(body)
    right(asker.line().ask("POST", asker.origins.plain.url("/bytes/10"), fields, body), pattern(10))
    if asker.origins.plain.requests[-1].body != body:
        raise AmissError("another body came to the origin")


def chunked(asker: Asker) -> None:
    """Both ways."""
    sent = b"6\r\nhello \r\n5\r\nthere\r\n0\r\n\r\n"
    line = asker.line()
    right(
        line.ask("POST", asker.origins.plain.url("/chunked/100000"), b"Transfer-Encoding: chunked\r\n", sent),
        pattern(100_000),
    )
    if asker.origins.plain.requests[-1].body != b"hello there":
        raise AmissError("another body came to the origin")


def big(asker: Asker) -> None:
    right(asker.line().ask("GET", asker.origins.plain.url(f"/bytes/{BIG}")), pattern(BIG))


def until_close(asker: Asker) -> None:
    right(asker.line().ask("GET", asker.origins.plain.url("/until-close/5000")), pattern(5000))


def head(asker: Asker) -> None:
    right(asker.line().ask("HEAD", asker.origins.plain.url("/bytes/5000")), b"")


def four(asker: Asker) -> None:
    """On one connection of the client's, to two origins in turn."""
    line = asker.line()
    for number in range(4):
        origin = (asker.origins.plain, asker.origins.other)[number % 2]
        right(line.ask("GET", origin.url(f"/bytes/{number + 1}")), pattern(number + 1))
        if len(origin.requests) != number // 2 + 1:
            raise AmissError("it came to another origin")


def statuses(asker: Asker) -> None:
    """Statuses of the origin's own."""
    for status in (204, 304, 401, 404, 503):
        right(asker.line().ask("GET", asker.origins.plain.url(f"/status/{status}")), status=status)


def tunnel(asker: Asker) -> None:
    """With TLS in it."""
    line = asker.line()
    right(line.connect(asker.origins.secure.authority))
    if Sealed(line, "127.0.0.1").get(f"/bytes/{SEALED}", SEALED) != pattern(SEALED):
        raise AmissError("another body")


def early(asker: Asker) -> None:
    """Bytes right behind the head of CONNECT."""
    line = asker.line()
    right(line.connect(f"127.0.0.1:{asker.origins.raw}", b"hello"))
    with asker.origins.accepted() as far:
        got = b""
        while len(got) < 5 and (data := far.recv(100)):
            got += data
        far.sendall(got)
        if line.exactly(5) != b"hello":
            raise AmissError("other bytes came")


def client_ends(asker: Asker) -> None:
    """The client's end comes to the origin, which then still sends."""
    line = asker.line()
    right(line.connect(f"127.0.0.1:{asker.origins.raw}"))
    with asker.origins.accepted() as far:
        line.send(b"up")
        line.end()
        if _rest(far) != b"up":
            raise AmissError("not all came up")
        with suppress(OSError):  # where its connection was ended with the client's side
            far.sendall(b"down")
            far.shutdown(socket.SHUT_WR)
        if line.rest() != b"down":
            raise AmissError("what comes after it is lost")


def origin_ends(asker: Asker) -> None:
    """The origin's end comes to the client, which then still sends."""
    line = asker.line()
    right(line.connect(f"127.0.0.1:{asker.origins.raw}"))
    with asker.origins.accepted() as far:
        far.sendall(b"down")
        far.shutdown(socket.SHUT_WR)
        if line.rest() != b"down":
            raise AmissError("not all came down")
        with suppress(OSError):
            line.send(b"up")
            line.end()
        if _rest(far) != b"up":
            raise AmissError("what comes after it is lost")


def _rest(far: socket.socket) -> bytes:
    """Raises: AmissError"""
    data = b""
    try:
        while more := far.recv(65536):
            data += more
    except TimeoutError:
        raise AmissError("the end does not come") from None
    return data


def websocket(asker: Asker) -> None:
    """By the absolute form."""
    line = asker.line()
    fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    fields += b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    right(line.ask("GET", asker.origins.plain.url("/websocket"), fields), status=101)
    line.send(HELLO)
    if line.exactly(len(HELLO_BACK)) != HELLO_BACK:
        raise AmissError("other bytes came")


def six(asker: Asker) -> None:
    right(asker.line().ask("GET", asker.origins.six.url("/bytes/3")), pattern(3))


def six_tunnel(asker: Asker) -> None:
    line = asker.line()
    right(line.connect(asker.origins.six.authority))
    line.send(b"GET /bytes/3 HTTP/1.1\r\nHost: x\r\n\r\n")
    right(line.answer("GET"), pattern(3))


# What is refused


def _shown(answer: Answer) -> str:
    if answer.status < 400:
        raise AmissError(f"it said {answer.status}")
    return answer.told


def refused(asker: Asker) -> str:
    return _shown(asker.line().ask("GET", f"http://127.0.0.1:{asker.origins.closed}/"))


def refused_tunnel(asker: Asker) -> str:
    return _tunnel(asker, f"127.0.0.1:{asker.origins.closed}")


def unknown(asker: Asker) -> str:
    return _shown(asker.line().ask("GET", f"http://nothing.invalid:{asker.origins.plain.port}/"))


def unknown_tunnel(asker: Asker) -> str:
    return _tunnel(asker, f"nothing.invalid:{asker.origins.raw}")


def forbidden(asker: Asker) -> str:
    return _tunnel(asker, asker.origins.refused.authority)


def _tunnel(asker: Asker, place: str) -> str:
    """What comes where there is to be no tunnel; some say that there is one, and end it."""
    line = asker.line()
    answer = line.connect(place)
    if answer.status != 200:
        return _shown(answer)
    with suppress(AmissError, ConnectionError):
        line.send(b"hello")
        return "it passes" if line.exactly(5) == b"hello" else "200, then other bytes"
    return "200, then the end"


Operation = Callable[[Asker], "str | None"]

CARRIED: dict[str, Operation] = {
    "GET": get,
    "POST": post,
    "chunked": chunked,
    "3 MB": big,
    "HEAD": head,
    "four on a connection": four,
    "an answer that ends with its connection": until_close,
    "the origin's own 204 to 503": statuses,
    "TLS in a tunnel": tunnel,
    "early bytes": early,
    "the client's half-close": client_ends,
    "the origin's half-close": origin_ends,
    "WebSocket by `http://`": websocket,
    "`http://[::1]`": six,
    "a tunnel to `[::1]`": six_tunnel,
}
BY_TUNNEL = {name: CARRIED[name] for name in ("GET", "POST", "chunked", "3 MB", "HEAD")}
BY_TUNNEL["an answer that ends with its connection"] = until_close
BY_TUNNEL["the origin's own 204 to 503"] = statuses
BY_TUNNEL["WebSocket by `http://`"] = websocket
REFUSED: dict[str, tuple[Operation, ...]] = {
    "a closed port": (refused, refused_tunnel),
    "an unknown name": (unknown, unknown_tunnel),
    "a port that its rules refuse": (forbidden,),
}
"""Plain and by a tunnel."""
