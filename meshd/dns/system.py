"""What the resolver asks, and the first way of answering: the machine's own resolver in threads that nothing else uses.

The second way is `dns/servers.py`.  Neither caches and both end by themselves; `dns/resolver.py` merges, caches and
bounds.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from functools import partial
from itertools import zip_longest
from threading import Thread
from typing import Any, Literal, NamedTuple, Protocol

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

MOST_ADDRESSES = 16
"""An answer with hundreds of addresses is an attack on whoever tries or remembers them all."""

GetAddrInfo = Callable[..., Sequence[tuple[Any, ...]]]


class ResolveError(Exception):
    """No addresses for a name; the kind is the error type of RFC 9209."""

    def __init__(self, kind: Literal["dns_error", "dns_timeout"], detail: str) -> None:
        super().__init__(f"{kind}: {detail}")
        self.kind = kind
        self.detail = detail


class Answer(NamedTuple):
    """Addresses as text in the order in which to try them, and for how many seconds they hold."""

    addresses: tuple[str, ...]
    ttl: float


Outcome = Answer | ResolveError | Failure
Heard = Callable[[str, Outcome], object]
"""Is told a name that was asked for, and an answer with at least one address or why there is none."""


class Lookup(Protocol):
    """A way of asking.  A name is lower case ASCII without a final dot, and no address."""

    def lookup(self, name: str, heard: Heard) -> None:
        """Ask for a name; heard is told what came of it, once and perhaps at once."""

    def stop(self) -> Deferred[None]:
        """End all look-ups; the result fires when nothing is left but threads that the system's resolver holds."""


def interleave(addresses: Sequence[str]) -> tuple[str, ...]:
    """IPv4 and IPv6 addresses in turn, beginning with the first one's family (RFC 8305 section 4), each once."""
    if len(addresses) == 1:
        return (addresses[0],)
    unique = list(dict.fromkeys(addresses))
    first = [address for address in unique if (":" in address) == (":" in unique[0])]
    second = [address for address in unique if address not in first]
    pairs = zip_longest(first, second)
    return tuple(address for pair in pairs for address in pair if address is not None)[:MOST_ADDRESSES]


class ThreadLookup:
    """getaddrinfo in threads of its own: hosts file, search list and all, as the machine is set up.

    The system tells no TTL, so the answer holds for a fixed time.
    """

    TTL = 30.0
    """Seconds."""

    def __init__(self, reactor: Any, threads: int, getaddrinfo: GetAddrInfo = socket.getaddrinfo) -> None:
        self._reactor = reactor
        self._getaddrinfo = getaddrinfo
        self._pool = ThreadPool(0, threads, "names")
        # A thread in a hanging getaddrinfo cannot be ended, and must not keep the process from ending.
        self._pool.threadFactory = partial(Thread, daemon=True)  # type: ignore[assignment]
        self._pool.start()
        self._busy = 0
        self._stopped = False

    def lookup(self, name: str, heard: Heard) -> None:
        """Call getaddrinfo in a thread, and wait for a free thread as long as it takes."""
        Deferred.fromCoroutine(self._look_up(name)).addBoth(partial(heard, name))

    async def _look_up(self, name: str) -> Answer:
        self._busy += 1
        try:
            found = await deferToThreadPool(self._reactor, self._pool, self._ask, name)
        except OSError as error:
            raise ResolveError("dns_error", _reason(error)) from error
        finally:
            self._busy -= 1
        if not found:
            raise ResolveError("dns_error", "no address")
        return Answer(interleave(found), self.TTL)

    def _ask(self, name: str) -> list[str]:
        """Runs in a thread.  The name goes as bytes, since to text Python would apply IDNA rules of its own."""
        if self._stopped:
            raise OSError("stopping")
        found = self._getaddrinfo(name.encode("ascii"), None, socket.AF_UNSPEC, socket.SOCK_STREAM)
        return [str(sockaddr[0]).partition("%")[0] for *_, sockaddr in found]

    def stop(self) -> Deferred[None]:
        """End the idle threads; a busy one ends when the system's resolver lets it go."""
        self._stopped = True
        if self._busy:
            self._pool.adjustPoolsize(0, 0)  # stop() would join them, and the reactor with it
        else:
            self._pool.stop()
        return succeed(None)


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN:
        return "the name servers gave no answer"
    return error.strerror or str(error)
