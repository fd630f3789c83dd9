"""What browsers do of themselves with a proxy: a table of what was seen, in the exchange log and at the origin."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.live.programs import Task
from tools.clients.client import PASSWORD, Library, NotHereError
from tools.clients.place import Place, debian
from tools.clients.world import BROWSING, Origin, Worker, World, folder

BEGIN, END = "<!-- browsers -->\n", "<!-- end of browsers -->\n"
BROWSERS = {"Chromium": "chromium", "Firefox": "firefox-esr"}
SETTLING = 1.5
"""Seconds after which a line of the log is written: it waits for others for up to one."""


@dataclass(frozen=True)
class Habit:
    """One thing to look at."""

    what: str
    by: str
    """What the worker calls it, behind the browser's name."""
    account: str = ""
    """Who is told to log in; "" for two names, the second on the second page."""


HABITS = (
    Habit("two pages of one browser context, each told another user name", "one_context"),
    Habit("the same, each page in a browser context of its own", "two_contexts"),
    Habit("a PAC of `PROXY …; DIRECT`, and the proxy refuses (402)", "pac_refused", "inactive"),
    Habit("a PAC of `PROXY …; DIRECT`, and nobody listens there", "pac_closed", "alice"),
    Habit("a PAC of `SOCKS5 …; DIRECT`, and a login is wanted", "pac_socks", "alice"),
)


@dataclass(frozen=True)
class Trace:
    """What is left of one attempt."""

    names: tuple[str, ...]
    """That were let through to the origin, in the order of the log."""
    asked: int
    """How many requests the origin got."""


def told(habit: Habit, trace: Trace, name: str) -> str:
    """name: the first page's; the second's has a "2" behind it."""
    if habit.account:
        if not trace.asked:
            return "no page"
        return f"as `{trace.names[0]}`" if trace.names else "**DIRECT**: the origin sees the user's own address"
    named = {name: "the first", f"{name}2": "the second"}
    seen = [named.get(each, each) for each in trace.names]
    if seen == ["the first", "the second"]:
        return "each as itself"
    return f"**both as {seen[0]}**" if len(set(seen)) == 1 and trace.asked > 1 else f"as {', '.join(seen) or 'nobody'}"


def look(habit: Habit, browser: str, place: Place, world: World) -> str:
    """Raises: NotHereError, TimeoutError"""
    kind = browser.lower()
    name = habit.account or f"{kind}{habit.by.replace('_', '')}"
    if not habit.account:
        for each in (name, f"{name}2"):
            world.daemon.account(each, PASSWORD)
    origin = Origin()
    before = len(world.daemon.exchanges())  # of a client before this one whose origin had the same port
    with folder() as at:
        worker = Worker(place.command(Library("puppeteer", f"{kind}_{habit.by}", BROWSERS[browser])), str(at), BROWSING)
        try:
            worker.ask(Task(origin.url("/echo"), world.daemon.proxy, name, PASSWORD, str(at)), world.daemon.proxy)
        finally:
            worker.close()
            asked = sum(request.path == "/echo" for request in origin.requests)
            origin.close()
    time.sleep(SETTLING)
    lines = [
        line for line in world.daemon.exchanges()[before:] if line["port"] == origin.port and line["status"] == 200
    ]
    return told(habit, Trace(tuple(dict.fromkeys(line["username"] for line in lines)), asked), name)


def table(place: Place, world: World, day: str) -> str:
    """As docs/clients.md has it."""
    world.daemon.account("alice", PASSWORD)
    lines = [f"Seen on {day}, with {versions()}.", "", "| what | Chromium | Firefox |", "|---|---|---|"]
    for habit in HABITS:
        cells = []
        for browser in BROWSERS:
            try:
                cells.append(look(habit, browser, place, world))
            except NotHereError as error:
                cells.append(f"not run: {error}")
            except TimeoutError:
                cells.append("does not end")
        lines.append(f"| {habit.what} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def versions() -> str:
    """Of the browsers."""
    return " and ".join(f"{name} {debian(package)}" for name, package in BROWSERS.items())
