"""What a daemon's exchange log and its store say of an account, which is to be the same."""

from __future__ import annotations

from typing import Any

from tests.support.daemon import LiveDaemon, until


class Balanced:
    """For a test case with a daemon."""

    daemon: LiveDaemon

    def lines(self, name: str, count: int) -> list[dict[str, Any]]:
        def written() -> list[dict[str, Any]] | None:
            found = [line for line in self.daemon.exchanges() if line["username"] == name]
            return found if len(found) >= count else None

        return until(written, "the lines of all exchanges")

    def balance(self, name: str, lines: int) -> int:
        """What the log has of an account, once the store has the same."""
        total = sum(line["up"] + line["down"] for line in self.lines(name, lines))
        until(lambda: self.daemon.total(name) == total, "a balance of log and store")
        return total
