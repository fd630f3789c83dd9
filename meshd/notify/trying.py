"""A notice that says nothing, tried once at a target: what came of it is the answer."""

from __future__ import annotations

import json

from meshd.notify.retrying import Outcome
from meshd.notify.sending import Sender
from meshd.store.statements.notices import new_id
from meshd.values.notices import TEST, Notice, Target


async def tried(sender: Sender, target: Target, now: float, node: str) -> Outcome:
    """Send a notice of the kind TEST.  node: who sends it."""
    notice = Notice(new_id(), TEST, int(now), json.dumps({"node": node}))
    return await sender(target, notice)
