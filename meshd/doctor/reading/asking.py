"""Asks name servers, connects to listeners and exits: each once, for a few seconds, many at a time."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from meshd.dns.messages import A, query, question, reply, wire_name
from meshd.doctor.exits import Way
from meshd.doctor.names import Server
from meshd.topology import Exit
from meshd.values.addresses import join_host

AT_ONCE = 32
PATIENCE = 3.0
"""Seconds for each."""
NAME = "localhost"
"""What name servers are asked for, since they answer it by themselves (RFC 6761, section 6.3)."""
DNS = 53

T = TypeVar("T")
U = TypeVar("U")


def together(ask: Callable[[T], U], each: Iterable[T]) -> list[U]:
    """The answers in their order, asked for in threads."""
    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(ask, each))


# Name servers


def system_servers(text: str) -> list[tuple[str, int]]:
    """The addresses in the text of resolv.conf(5)."""
    lines = (line.split() for line in text.splitlines())
    return [(words[1], DNS) for words in lines if len(words) > 1 and words[0] == "nameserver"]


def resolv_conf() -> str:
    try:
        return Path("/etc/resolv.conf").read_text(errors="replace")
    except OSError:
        return ""


def asked(server: tuple[str, int]) -> Server:
    """One question by UDP."""
    host, port = server
    name = join_host(host, port)
    number, section = int.from_bytes(os.urandom(2)), question(wire_name(NAME), A)
    began = time.monotonic()
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.settimeout(PATIENCE)
            asking.connect((host, port))
            asking.send(query(number, section))
            while True:
                data = asking.recv(4096)
                if data[:2] == number.to_bytes(2, "big") and (found := reply(data, section)) is not None:
                    return Server(name, code=found.code, seconds=time.monotonic() - began)
                asking.settimeout(max(0.01, PATIENCE - (time.monotonic() - began)))
    except TimeoutError:
        return Server(name, f"did not answer within {PATIENCE:g} s")
    except OSError as error:
        return Server(name, f"cannot be asked: {error.strerror or error}")


# Ways


def connected(place: tuple[str, int]) -> str:
    """Why a connection failed, "" where it did not; nothing is sent over it."""
    try:
        socket.create_connection(place, PATIENCE).close()
    except TimeoutError:
        return f"no connection within {PATIENCE:g} s"
    except OSError as error:
        return error.strerror or str(error)
    return ""


def tried(exit_: Exit) -> Way:
    """Whether the other proxy can be reached, or the address is this machine's."""
    if exit_.upstream is not None:
        proxy = exit_.upstream
        failed = connected((proxy.host, proxy.port))
        return _way(exit_, f"{join_host(proxy.host, proxy.port)} cannot be reached: {failed}" if failed else "")
    source = exit_.address if exit_.prefix is None else str(exit_.prefix[1])
    return _way(exit_, _bound(source) if source else "")


def untried(exit_: Exit) -> Way:
    return _way(exit_, "")


def _way(exit_: Exit, problem: str) -> Way:
    if exit_.upstream is None:
        return Way(exit_.name, str(exit_.prefix or exit_.address), problem)
    proxy = exit_.upstream
    return Way(exit_.name, f"{exit_.kind}://{proxy.username}@{join_host(proxy.host, proxy.port)}", problem)


def _bound(address: str) -> str:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as sock:
        try:
            sock.bind((address, 0))
        except OSError as error:
            return f"{address} is not this machine's: {error.strerror}"
    return ""


def exits(every: Sequence[Exit], most: int) -> tuple[list[Way], int]:
    """All of them, of which so many at most are tried; and how many are not."""
    return [*together(tried, every[:most]), *map(untried, every[most:])], max(0, len(every) - most)
