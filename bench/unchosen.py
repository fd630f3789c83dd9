"""`twistd` on a tree without the choice of an exit: each request leaves by the first one of its proxy.

Nothing is asked of wishes, of health, of chance; nothing is counted for an exit.  `bench/choosing.py` measures what the
choice costs by it.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not bench/ itself, whose profile.py would hide another

from meshd.exits.choosing import Choice  # noqa: E402
from meshd.exits.departure import Departure  # noqa: E402
from meshd.exits.pools import Pool  # noqa: E402
from meshd.model import Refusal  # noqa: E402
from meshd.proxy import said  # noqa: E402
from meshd.selection import NONE, Selection  # noqa: E402


def first(self: Departure) -> Refusal | None:
    """In the place of Departure.choose."""
    pool = self._plane.pools.of(self._proxy)
    assert isinstance(pool, Pool)
    view = pool.view("")
    assert view is not None
    self.choice = Choice(view.outlets[0])
    return None


def unread(fields: object) -> Selection:
    """In the place of the reading of X-ProxyMesh fields."""
    return NONE


if __name__ == "__main__":
    Departure.choose = first  # type: ignore[method-assign]
    said._selection = unread  # type: ignore[assignment]
    from twisted.scripts.twistd import run

    run()
