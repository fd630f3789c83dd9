"""Where one client counts: as unknown while it waits, then for its account."""

from __future__ import annotations

from meshd.passing.caps import Caps, Known


class Place:
    """How one client counts against the bounds, from its arrival on; each count is given back once."""

    __slots__ = ("_address", "_caps", "_client", "_lingers", "_waits", "account_id", "asked", "known")

    def __init__(self, caps: Caps, client: Known, address: str) -> None:
        self._caps = caps
        self._client = client
        self._address = address
        self._lingers = False
        self._waits = False
        """Whether the client is counted as unknown."""
        self.known = False
        """Whether the client was admitted once, or has left."""
        self.account_id = 0
        """The account that the client counts for; 0 for none yet."""
        self.asked = 0.0
        """When the client's last request began, on the monotonic clock."""

    def wait(self) -> None:
        """Count the client as unknown: it waits now."""
        self._waits = True
        self._caps.arrived(self._client, self._address)

    def move(self, address: str) -> None:
        """Count the client at another address, as if it had just arrived there."""
        waits = self._waits
        self._leave_the_unknown()
        self._address = address
        if waits:
            self.wait()

    def linger(self) -> bool:
        """Count the client among the few unknown ones of its address that may go on waiting; False where it may not."""
        if not self._lingers:
            self._lingers = self._caps.linger(self._address)
        return self._lingers

    def admitted(self) -> None:
        """Stop counting the client as unknown, and trust its address."""
        if not self.known:
            self.known = True
            if self._waits or self._lingers:
                self._leave_the_unknown()
            self._caps.trust(self._address)

    def hold(self, account_id: int) -> None:
        """Count the client for this account, and no longer for another."""
        if account_id != self.account_id:
            self._caps.hold(self._client, account_id, self.account_id)
            self.account_id = account_id

    def leave(self) -> None:
        """Give all counts back, because the client has left."""
        if not self.known:
            self.known = True
            self._leave_the_unknown()
        self.rest()
        del self._client  # or client and place would keep each other alive until a collection

    def rest(self) -> None:
        """Count the client for no account, as it waits or has left; what it asks next is as the first that it asks."""
        self.asked = 0.0
        if self.account_id:
            self._caps.let_go(self._client, self.account_id)
            self.account_id = 0

    def _leave_the_unknown(self) -> None:
        if self._waits:
            self._waits = False
            self._caps.no_longer_unknown(self._client, self._address)
        if self._lingers:
            self._caps.linger_no_more(self._address)
            self._lingers = False
