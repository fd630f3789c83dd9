"""By which exit one exchange leaves: chosen, dialled, and chosen anew as long as nothing has been sent.

What an exit fails at is written down for those who choose after us.  Who asked for this very exit gets no other.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from meshd.model import Refusal
from meshd.proxy.ends import Stopped
from meshd.proxy.exits import NO_EXIT, Choice, Wishes, choose
from meshd.proxy.outlets import Outlet
from meshd.proxy.race import DialError, Dialled

if TYPE_CHECKING:
    from meshd.proxy.plane import DataPlane

TIMEOUT = "connection-timeout"

Phase = Callable[[str, float], None]
"""Says how long what follows may take, and the reason that ends it then."""


class Departure:
    """Of one exchange of an account, through one named proxy."""

    __slots__ = ("_outlet", "_plane", "_proxy", "_trial", "_tried", "choice", "wishes")

    choice: Choice
    """The exit; once `choose` has found one."""

    def __init__(self, plane: DataPlane, proxy: str, wishes: Wishes) -> None:
        self._plane = plane
        self._proxy = proxy
        self.wishes = wishes
        self._tried: tuple[Outlet, ...] = ()
        self._outlet: Outlet | None = None
        self._trial = False

    def choose(self) -> Refusal | None:
        """Why there is no exit; None where there is."""
        chosen = self.preview()
        if isinstance(chosen, Refusal):
            return chosen
        self.end()
        self.choice = chosen
        self._outlet = chosen.outlet
        self._trial = chosen.outlet.taken()
        return None

    def preview(self) -> Choice | Refusal:
        """What it would be, without leaving by it."""
        plane = self._plane
        pool = plane.pools.of(self._proxy)
        if pool is None:
            return NO_EXIT
        return choose(pool, self.wishes, plane.chance, now=plane.wheel.now, at=plane.now(), tried=self._tried)

    async def dial(
        self, host: str, port: int, account_id: int, phase: Phase, patience: float, *, tunnel: bool = True
    ) -> Dialled:
        """Connect to the destination, by another exit where one has failed.

        patience: seconds that the client wants to wait in all; 0 for as long as we do.  DialError, Stopped.
        """
        plane = self._plane
        end = plane.wheel.now + patience
        for left in range(plane.topology.limits.exit_retries, -1, -1):
            seconds = plane.topology.timeouts.connect
            phase(TIMEOUT, min(seconds, max(end - plane.wheel.now, 0.001)) if patience else seconds)
            try:
                dialled = await plane.dialler.dial(host, port, self.choice, account_id, tunnel=tunnel)
            except DialError as error:
                if not self._another(error.blame, left, error.cause):
                    raise
            except Stopped as stop:
                slow = stop.refusal.reason == TIMEOUT and self.choice.exit.upstream is not None
                if not slow or not self._another("exit", 0 if patience else left, TIMEOUT):
                    raise
            else:
                if tunnel or self.choice.exit.kind not in {"http", "https"}:
                    self.succeeded()  # the others have been reached, and may yet refuse to serve us
                return dialled
        raise AssertionError("the last attempt has ended")

    def failed(self, cause: str = "exit-failed") -> None:
        """The exit refused to serve us, after it had been reached."""
        outlet = self.choice.outlet
        if outlet.failed(self._plane.wheel.now, cause):
            self._plane.note_exit(outlet)

    def end(self) -> None:
        """The exchange is over.  Once is enough."""
        if self._outlet is not None:
            self._outlet.released(self._trial)
            self._outlet = None

    def succeeded(self) -> None:
        """The exit has carried something."""
        outlet = self.choice.outlet
        if (outlet.failures or outlet.resting) and outlet.succeeded():
            self._plane.note_exit(outlet)

    def _another(self, blame: str, left: int, cause: str) -> bool:
        """Whether there is another exit to try, which is chosen then."""
        if blame == "exit":
            self.failed(cause)
        if blame == "destination" or not left or self.choice.pinned or self.wishes.strict:
            return False
        self._tried = (*self._tried, self.choice.outlet)
        return self.choose() is None
