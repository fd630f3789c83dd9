"""Asks upstreams again and again whether they are well, as hosts' settings say; one that is not gets no request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from meshd.hosts.plane import HostPlane
from meshd.hosts.reaching import reach
from meshd.hosts.vitals import Vital
from meshd.model import Refusal
from meshd.passing.response import read_head
from meshd.sockets.ends import Stopped
from meshd.sockets.race import TIMEOUT, DialError
from meshd.sockets.task import Task
from meshd.sockets.wire import Wire
from meshd.values.addresses import join_host
from meshd.values.published import Probing, ProxyHost

BEAT = 1.0
"""Seconds between two looks at which upstreams are due."""

AT_ONCE = 32
"""Probes under way; those that are due beyond them wait for the next look."""

log = Logger()


@dataclass(slots=True, eq=False)
class Probe:
    """One question to one upstream, under way."""

    vital: Vital
    ended: Callable[[Probe, BaseException | None], None]
    deadline: float = 0.0
    slot: int = 0
    task: Task | None = None
    well: bool = False

    def expired(self) -> None:
        """End the question: no answer in time is a failure."""
        if self.task is not None:
            self.task.throw(Stopped(Refusal(TIMEOUT)))


class Prober:
    """All probes of this process."""

    def __init__(self, plane: HostPlane, clock: IReactorTime) -> None:
        self._plane = plane
        self._due: dict[Vital, float] = {}
        """When each upstream that is probed is asked next."""
        self._under_way: set[Probe] = set()
        self._beat = LoopingCall(self.look)
        self._beat.clock = clock

    def start(self) -> None:
        self._beat.start(BEAT, now=False)

    def stop(self) -> None:
        if self._beat.running:
            self._beat.stop()
        for probe in list(self._under_way):
            probe.expired()

    def look(self) -> None:
        """Begin the probes that are due; forget what is probed no longer."""
        plane = self._plane
        wanted = {
            vital: (site.host.probing, site.host.names[0])
            for site in plane.sites
            if isinstance(site.host, ProxyHost) and site.host.probing is not None
            for vital in site.place.vitals
        }
        for gone in self._due.keys() - wanted.keys():
            del self._due[gone]
            gone.down = False
        monotonic = plane.wheel.seconds()
        asked = {probe.vital for probe in self._under_way}  # once at a time, or one that hangs would take all places
        for vital, (probing, name) in wanted.items():
            if len(self._under_way) >= AT_ONCE:
                break
            if vital not in asked and self._due.get(vital, 0.0) <= monotonic:
                self._due[vital] = monotonic + max(probing.interval, BEAT)
                self._begin(vital, probing, name)

    def _begin(self, vital: Vital, probing: Probing, name: str) -> None:
        probe = Probe(vital, partial(self._ended, name))
        self._under_way.add(probe)
        self._plane.wheel.arm(probe, probing.timeout)
        probe.task = task = Task(self._ask(probe, probing), partial(probe.ended, probe))
        task.resume()

    async def _ask(self, probe: Probe, probing: Probing) -> None:
        """Find out whether the upstream answers with the expected status.  Raises: DialError, Stopped, OSError."""
        plane, upstream = self._plane, probe.vital.upstream
        dialled = await reach(plane, probe.vital.scheme, upstream)
        wire = Wire(plane.poller, dialled.fd, dialled.address, registered=True)
        try:
            host = join_host(upstream.host, upstream.port)
            await wire.send(
                f"GET {probing.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode("latin-1")
            )
            probe.well = await self._status(wire) == probing.expected
        finally:
            wire.close()

    async def _status(self, wire: Wire) -> int:
        """The status of the final response; 0 where the upstream ends instead.  Raises: Stopped, OSError."""
        limits, buffer = self._plane.live.limits, b""
        interim = 0
        while data := await wire.receive():
            seen, buffer = len(buffer), buffer + data
            while buffer and (head := read_head(buffer, limits.response_head_bytes, seen)) is not None:
                if head.status >= 200 or interim >= limits.interim_responses:
                    return head.status
                seen, buffer, interim = 0, buffer[head.size :], interim + 1
        return 0

    def _ended(self, name: str, probe: Probe, error: BaseException | None) -> None:
        """Note what the probe has found; the log hears of each change."""
        self._plane.wheel.disarm(probe)
        self._under_way.discard(probe)
        probe.task = None
        if error is not None and not isinstance(error, DialError | Stopped | OSError):
            self._plane.seldom.say(log.error, "a probe failed: {error}", error=type(error).__name__)
        vital = probe.vital
        if vital not in self._due or vital.down is not probe.well:
            return
        vital.down = not probe.well
        text = "upstream {upstream} of {name} is " + ("well again" if probe.well else "down")
        self._plane.seldom.say(log.info, text, upstream=vital.key.decode(), name=name)
