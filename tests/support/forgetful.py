"""What every hasher in the place of the slow one has alike."""

from __future__ import annotations

from meshd.auth.guesses import Guess


class Forgetful:
    """Knows of no password that was right before, keeps no order of guesses, and has nothing to stop."""

    def knows(self, encoded: str, password: str) -> bool:
        return False

    def forgive(self, guess: Guess) -> None:
        """No guess counts."""

    def purge(self) -> None:
        """Nobody waits."""

    async def stop(self) -> None:
        """Nothing runs."""
