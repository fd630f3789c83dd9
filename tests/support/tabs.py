"""A Chromium with many tabs that load at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.support.browser import Chromium


class Tabs(Chromium):
    """Each tab is a page of its own in the one profile; whichever asks for credentials gets them."""

    def load_all(self, urls: Sequence[str], patience: float, ready: Callable[[], Any] = lambda: None) -> list[str]:
        """Titles of the pages, once they have loaded, or what the browser says went wrong; "" where it took too long.

        ready: called when all tabs are open, before the first of them loads.
        """
        self._told: dict[str, str] = {}
        self._asked: dict[int, str] = {}
        self._given: set[tuple[str, str]] = set()
        tabs = [self._open_tab() for _ in urls]
        ready()
        for tab, url in zip(tabs, urls, strict=True):
            self._send("Page.navigate", tab, url=url)
        end = time.monotonic() + patience
        while len(self._told) < len(tabs) and time.monotonic() < end:
            self._hear(self._events.pop(0) if self._events else self._read())
        return [self._told.get(tab, "") for tab in tabs]

    def _open_tab(self) -> str:
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        tab = str(self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"])
        self._call("Fetch.enable", tab, handleAuthRequests=True)
        self._call("Page.enable", tab)
        return tab

    def _hear(self, event: dict[str, Any]) -> None:
        tab, method, told = str(event.get("sessionId")), event.get("method"), event.get("params", {})
        if method == "Fetch.requestPaused":
            self._send("Fetch.continueRequest", tab, requestId=told["requestId"])
        elif method == "Fetch.authRequired":
            self._sign_in(tab, told)
        elif method == "Page.loadEventFired":
            self._asked[self._send("Runtime.evaluate", tab, expression="document.title")] = tab
        elif event.get("id") in self._asked:
            self._told[self._asked.pop(event["id"])] = str(event["result"]["result"]["value"])
        elif event.get("result", {}).get("errorText"):
            self._told[tab] = str(event["result"]["errorText"])

    def _sign_in(self, tab: str, told: dict[str, Any]) -> None:
        """Once for each request: asked again, they are wrong."""
        self.challenges.append(told["authChallenge"])
        request = tab, str(told["requestId"])
        said: dict[str, str] = {"response": "CancelAuth"}
        credentials = self._answers["Proxy"]
        if credentials and request not in self._given:
            self._given.add(request)
            said = {"response": "ProvideCredentials"}
            said |= dict(zip(("username", "password"), credentials, strict=True))
        self._send("Fetch.continueWithAuth", tab, requestId=told["requestId"], authChallengeResponse=said)
