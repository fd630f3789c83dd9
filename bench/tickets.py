"""What a ticket costs a server by TLS 1.3, and what a resumed session saves it: `python bench/tickets.py [--rounds N]`.

Handshakes in memory, with the interpreter's own TLS, each with an answer of a hundred bytes: microseconds of the
server's side and of the client's, and what the server sends.  The client trusts the certificate itself; a chain of two
costs it, and the wire, about as much again.
"""

from __future__ import annotations

import argparse
import contextlib
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)  # not bench/ itself, whose profile.py would stand before the standard library's

import trustme  # noqa: E402

from bench.machine import description  # noqa: E402
from meshd.tls.contexts import served  # noqa: E402

NAME = "a.example"
ANSWER = b"x" * 100


class Shaken(NamedTuple):
    server: float
    client: float
    """Microseconds."""
    sent: int
    session: ssl.SSLSession | None


class Spent:
    """Adds up the time of what is done within it, in microseconds."""

    def __init__(self) -> None:
        self.microseconds = 0.0

    @contextlib.contextmanager
    def more(self) -> Iterator[None]:
        began = time.perf_counter_ns()
        try:
            yield
        except ssl.SSLWantReadError:
            pass
        finally:
            self.microseconds += (time.perf_counter_ns() - began) / 1000


def shake(server: ssl.SSLContext, client: ssl.SSLContext, session: ssl.SSLSession | None) -> Shaken:
    """One connection; session: that is to be resumed, which has to succeed."""
    to_server, from_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    here, there = Spent(), Spent()
    with there.more():
        asking = client.wrap_bio(from_server, to_server, server_hostname=NAME, session=session)
        asking.do_handshake()
    with here.more():
        answering = server.wrap_bio(to_server, from_server, server_side=True)
        answering.do_handshake()
    sent = from_server.pending
    with there.more():
        asking.do_handshake()
    with here.more():
        answering.do_handshake()
        answering.write(ANSWER)
    sent += from_server.pending
    with there.more():
        assert asking.read() == ANSWER
    assert bool(asking.session_reused) == (session is not None)
    return Shaken(here.microseconds, there.microseconds, sent, asking.session)


def row(kind: str, found: list[Shaken]) -> str:
    server, client = median(each.server for each in found), median(each.client for each in found)
    return f"| {kind} | {server:.0f} | {client:.0f} | {median(each.sent for each in found):.0f} |"


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args(given)
    print(f"On {description()}, {ssl.OPENSSL_VERSION}; medians of {options.rounds} rounds.\n")
    print("| key, session | server, µs | client, µs | bytes of the server |\n| --- | ---: | ---: | ---: |")
    for key in (trustme.KeyType.ECDSA, trustme.KeyType.RSA):
        authority = trustme.CA()
        leaf = authority.issue_cert(NAME, key_type=key)
        chain, private = b"".join(each.bytes() for each in leaf.cert_chain_pems), leaf.private_key_pem.bytes()
        without, with_tickets = (served(chain, private, tickets=tickets) for tickets in (False, True))
        client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(client)
        found: dict[str, list[Shaken]] = {"new, no ticket": [], "new, a ticket": [], "resumed, the next ticket": []}
        for _ in range(options.rounds):
            found["new, no ticket"].append(shake(without, client, None))
            found["new, a ticket"].append(new := shake(with_tickets, client, None))
            found["resumed, the next ticket"].append(shake(with_tickets, client, new.session))
        for kind, rounds in found.items():
            print(row(f"{key.name}, {kind}", rounds))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
