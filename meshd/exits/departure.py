"""By which exit one exchange leaves: an exit is chosen and dialled, and another chosen while nothing has been sent.

A failure is noted on the exit's outlet, for later choices.  A client that pinned an exit gets no other.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from meshd.exits.bars import Bar
from meshd.exits.choosing import NO_EXIT, Choice, choose
from meshd.exits.datagrams import DatagramCarrier, SolePath
from meshd.exits.datagrams import carrier as begin_carrier
from meshd.exits.outlets import Outlet
from meshd.exits.plane import ExitPlane
from meshd.exits.unfit import NO_DATAGRAMS, Unfit, family
from meshd.http1.target import Target
from meshd.model import Refusal
from meshd.selection import Selection
from meshd.sockets.datagrams import Path
from meshd.sockets.ends import Stopped
from meshd.sockets.race import TIMEOUT, DialError, Dialled
from meshd.values.destinations import Level
from meshd.values.terms import Terms

ASKING = 5.0
"""Seconds in which an upstream proxy has to say whether it serves us: by then it has looked at our credentials."""

VOUCHED = 60.0
"""Seconds for which it is taken to serve us after it has said so: else each 401 of an origin would ask again."""

Opened = TypeVar("Opened")

Phase = Callable[[str, float], None]
"""Bounds what follows: a refusal's reason, and the seconds after which the exchange ends with that reason."""


class Departure:
    """The way out of one exchange of an account, through one named proxy."""

    __slots__ = (
        "_outlet",
        "_owner",
        "_plane",
        "_proxy",
        "_trial",
        "_unfit",
        "address",
        "bar",
        "choice",
        "judged",
        "patience",
        "selection",
        "target",
    )

    choice: Choice
    """The exit that `choose` has found; not set before."""

    def __init__(
        self,
        plane: ExitPlane,
        proxy: str,
        selection: Selection,
        owner: int = 0,
        patience: int = 0,
        target: Target | None = None,
    ) -> None:
        """owner: the account's id; patience: seconds that the client allows for connecting in all, 0 for no bound;
        target: the destination as the client asked for it.
        """
        self._plane = plane
        self._owner = owner
        self._proxy = proxy
        self.selection = selection
        self.patience = patience
        self.target = target
        self.bar: Bar | None = None
        """The account's destination rules, where addresses have a say in them."""
        self.address = ""
        """The address that was connected to; "" for none yet."""
        self.judged = False
        """Whether that is the destination's own though an upstream proxy leads there, as of datagrams it is."""
        self._unfit: Unfit | None = None
        self._outlet: Outlet | None = None
        self._trial = False

    def choose(self) -> Refusal | None:
        """Choose an exit and count this exchange on its outlet; the Refusal where there is none, else None."""
        chosen = self.preview()
        if isinstance(chosen, Refusal):
            return self._wanting(chosen)
        if self._outlet is not None:
            self.end()
        self.choice = chosen
        self._outlet = chosen.outlet
        self._trial = chosen.outlet.take()
        return None

    def preview(self) -> Choice | Refusal:
        """The choice that `choose` would make now, without counting the exchange on the outlet."""
        plane = self._plane
        pool = plane.pools.of(self._proxy)
        if pool is None:
            return NO_EXIT
        monotonic, now, tried = plane.wheel.monotonic, plane.now(), self._unfit or ()
        return choose(pool, self.selection, plane.chance, monotonic=monotonic, now=now, owner=self._owner, tried=tried)

    def _wanting(self, refusal: Refusal) -> Refusal:
        """The refusal of no exit, which says so where there is one, but none that carries datagrams."""
        unfit = self._unfit
        if refusal is not NO_EXIT or unfit is None or not unfit.datagrams or unfit.tried:
            return refusal
        unfit.datagrams = False
        there_is = isinstance(self.preview(), Choice)
        unfit.datagrams = True
        return NO_DATAGRAMS if there_is else refusal

    async def dial(self, host: str, port: int, phase: Phase, *, tunnel: bool = True) -> Dialled:
        """Connect to the destination, by another exit where one has failed.  Raises: DialError, Stopped."""

        def connect() -> Awaitable[Dialled]:
            return self._plane.dialler.dial(host, port, self.choice, self._owner, tunnel=tunnel, barred=self)

        dialled = await self._attempts(connect, phase)
        if tunnel or not self.choice.outlet.is_asked_itself:
            self.succeeded()  # an HTTP proxy asked for the resource itself may yet refuse to serve us
        self.address = dialled.address
        return dialled

    def by_datagrams(self) -> None:
        """Choose from now on among those exits that carry datagrams."""
        self._unfit = self._unfit or Unfit()
        self._unfit.datagrams = True

    async def carrier(self, phase: Phase, ended: Callable[[str], None]) -> DatagramCarrier:
        """Begin to send datagrams, by another exit where one has failed; ended: as in `datagrams.carrier`.
        Raises: DialError, Stopped.
        """
        carrier = await self._attempts(lambda: begin_carrier(self._plane.dialler, self.choice, ended), phase)
        self.succeeded()
        return carrier

    async def path(self, host: str, port: int, phase: Phase) -> Path:
        """A path for datagrams to the destination, by another exit where one has failed.  Raises: DialError, Stopped.

        It has its exit to itself: closing it closes all, and where the upstream proxy ends it hears of that.
        """

        async def opened() -> Path:
            carrier = await begin_carrier(self._plane.dialler, self.choice, _unheard)
            try:
                return SolePath(await carrier.open(host, port, self._owner, self.bar), carrier)
            except BaseException:
                carrier.close()
                raise

        path = await self._attempts(opened, phase)
        self.succeeded()
        self.address, self.judged = path.address, True
        return path

    async def _attempts(self, attempt: Callable[[], Awaitable[Opened]], phase: Phase) -> Opened:
        """What comes of the attempt by the chosen exit, or by another one that is chosen where it has failed.
        Raises: DialError, Stopped.
        """
        plane, patience = self._plane, self.patience
        end = plane.wheel.monotonic + patience
        left = plane.live.limits.exit_retries
        while True:
            seconds = plane.live.timeouts.connect
            wait = min(seconds, max(end - plane.wheel.monotonic, 0.001)) if patience else seconds
            phase(TIMEOUT, wait)
            try:
                return await attempt()
            except DialError as error:
                if error.answered:
                    self.succeeded()
                if not self.another(error.blame, left, error.cause):
                    raise
                left -= error.blame != "family"
            except Stopped as stop:
                slow = stop.refusal.reason == TIMEOUT and self.choice.exit.upstream is not None
                blame = "either" if stop.blameless or wait < seconds else "exit"
                if not slow or not self.another(blame, 0 if patience else left, TIMEOUT):
                    raise
                left -= 1

    async def refuses_us(
        self, host: str, ports: Sequence[int], phase: Phase, *, sure: bool = False
    ) -> DialError | None:
        """Why the chosen exit, an HTTP proxy, serves us no longer; None where it does, or does not tell.

        It is asked for a tunnel to one of the ports, over which nothing is sent: only its own answer comes back then,
        and no origin's.  sure: whether it is asked even where it has said a moment ago that it serves us.
        Raises: Stopped.
        """
        plane, outlet = self._plane, self.choice.outlet
        if not sure and plane.wheel.monotonic < outlet.vouched_until:
            return None
        for port in ports:
            phase(TIMEOUT, min(plane.live.timeouts.connect, ASKING))
            try:
                dialled = await plane.dialler.dial(host, port, self.choice, self._owner)
            except DialError as error:
                if error.blame == "exit":
                    return error
                if not error.answered:
                    continue  # not asked, or without an answer: another port may tell
            except Stopped as stop:
                if stop.refusal.reason != TIMEOUT:
                    raise
            else:
                plane.poller.unregister(dialled.fd)
                os.close(dialled.fd)
            outlet.vouched_until = plane.wheel.monotonic + VOUCHED
            return None
        return None

    def may_reach(self, address: str) -> bool:
        """Whether the account's rules let the exchange use a connection that another one has left, to this address."""
        by_proxy = self.choice.exit.upstream is not None
        return self.bar is None or by_proxy or self.bar.addresses((address,)) is None

    def barred(self, terms: Terms) -> Refusal | None:
        """Why terms that have changed no longer let the exchange go where it went; None where they do.

        What has not connected yet goes by these terms from now on.
        """
        if self.target is None:
            return None
        bar = Bar(terms, self.target.host, self.target.port, _unnoted)
        self.bar = bar if terms.by_address else None
        if not hasattr(self, "choice"):
            return bar.name()
        if self.choice.exit.upstream is not None and not self.judged:
            return bar.name() or bar.elsewhere()
        return bar.name() or (bar.addresses((self.address,)) if self.address else None)

    def failed(self, cause: str = "exit-failed") -> None:
        """Note on the outlet that the exit could not be reached, or refused to serve us."""
        outlet = self.choice.outlet
        if outlet.failed(self._plane.wheel.monotonic, cause):
            self._plane.note_exit(outlet)

    @property
    def way(self) -> str:
        """The name of the exit that this exchange counts on; "" for none."""
        return self._outlet.exit.name if self._outlet is not None else ""

    def end(self) -> str:
        """Stop counting this exchange on its outlet; the exit's name, "" where there is none or this was done."""
        outlet = self._outlet
        if outlet is None:
            return ""
        outlet.release(self._trial)
        self._outlet = None
        return outlet.exit.name

    def succeeded(self) -> None:
        """Note on the outlet that the exit works."""
        outlet = self.choice.outlet
        if (outlet.failures or outlet.resting) and outlet.succeeded():
            self._plane.note_exit(outlet)

    def another(self, blame: str, left: int, cause: str) -> bool:
        """Choose another exit, if that is left to try after such a failure (race.Blame); whether one was chosen."""
        if blame == "exit":
            self.failed(cause)
        strict = self.selection.strict and self.selection.session
        if blame == "destination" or self.choice.pinned or strict:
            return False
        if not left and blame != "family":
            return False
        self._unfit = unfit = self._unfit or Unfit()
        unfit.tried.append(self.choice.outlet)
        if blame == "family":
            unfit.family = family(self.choice.exit)
        return self.choose() is None


def _unheard(reason: str) -> None:
    """Do nothing: the path hears of it."""


def _unnoted(level: Level) -> None:
    """Do nothing: what only observes was noted when the exchange began."""
