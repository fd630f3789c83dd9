"""What `http://meshd.internal/` says: how the proxy sees whoever asks it."""

from __future__ import annotations

import json

from meshd.model import Admission, Refusal
from meshd.proxy.exits import Choice
from meshd.proxy.request import ProxyRequest


def facts(request: ProxyRequest, admission: Admission, proxy: str, choice: Choice | Refusal, client: str) -> bytes:
    """JSON.  choice: the exit that would be used."""
    told = {
        "account": admission.account.username,
        "proxy": proxy,
        "exit": None if isinstance(choice, Refusal) else choice.label(request.wishes, choice.exit.name),
        "client": client,
    }
    return json.dumps(told).encode() + b"\n"
