"""A daemon under a service manager, which keeps its sockets, hears signs of its life, and shows how it is."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from twisted.internet.interfaces import IReactorTime

from meshd.daemon.heartbeat import Heartbeat
from meshd.daemon.keeping import Kept
from meshd.daemon.notices import Notices
from meshd.daemon.safekeeping import Safekeeping


class Supervision:
    """Does nothing where no service manager wants to hear of this process."""

    def __init__(
        self,
        notices: Notices,
        clock: IReactorTime,
        watchdog: float,
        *,
        names: Iterable[str],
        kept: Callable[[], Sequence[Kept]],
    ) -> None:
        """watchdog: seconds within which it wants to hear of this process, 0 for never.

        names: of the sockets that it keeps already; kept: gives those that are open.
        """
        self._notices = notices
        self._clock = clock
        self._watchdog = watchdog
        self._safekeeping = Safekeeping(notices, names)
        self._kept = kept
        self._heartbeat: Heartbeat | None = None

    def __bool__(self) -> bool:
        """Whether a service manager is there."""
        return bool(self._notices)

    def begin(self, alive: Callable[[], bool], status: Callable[[], str]) -> None:
        """Let it keep what is open, and hear from now on.  alive, status: as a Heartbeat takes them."""
        self.keep()
        self._heartbeat = Heartbeat(self._notices, self._clock, self._watchdog, alive, status)
        self._heartbeat.start()

    def keep(self) -> None:
        """Have it keep what is open now, and nothing else."""
        self._safekeeping.keep(self._kept())

    async def stop(self) -> None:
        if self._heartbeat is not None:
            await self._heartbeat.stop()
