"""Exits that die under load and come back: nobody loses more than what was under way through them at that moment.

Each answer tells the exit and the request's id, so that all is judged exchange by exchange: which of them may have
failed, which exit a session had, and that the exchange log has its bytes as the client counted them.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from twisted.trial.unittest import SynchronousTestCase

from tests.load.world import lines_of
from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import Echoes, body_of
from tests.support.figures import figure, sized
from tests.support.load import Book, Bytes, Credential, Gone, Head, Link, Wrong, basic
from tests.support.mortals import Mortals

EXITS = 20
DYING = 5
WAVES = sized(1, 3)
"""Times that five die, others each time."""
AWAY = sized(2.0, 7.0)
"""Seconds.  The longer one outlives the first rest, so that a trial fails and the second, longer rest is waited for."""
BEFORE = 1.0
CLIENTS = sized(24, 60)
SESSIONS = 4
"""Of each client: enough for all clients together that every exit has some."""
HELD = 2
"""Tunnels that a client keeps."""
BACK = 180.0
"""Seconds until all sessions are surely where they were: two rests and the next request of each."""
PAUSE = 0.01

NAMES = ("anna", "berta", "carl")

CONFIG = f"[proxy]\nstatus_on_forwarded = true\n[limits]\ntunnels_per_account = 0\nexit_retries = {DYING}\n"
"""As many retries as can be dead at once: with less it would be luck that the first requests find one that lives."""

_ID = re.compile(rb'request-id="([^"]+)"')


@dataclass(eq=False)
class Deed:
    """One exchange or tunnel of a client."""

    client: int
    session: str
    began: float
    counted: Bytes
    ended: float = 0.0
    exit: str = ""
    """What `X-ProxyMesh-IP` said; "" where it was never told."""
    id: str = ""
    failed: str = ""

    def overlaps(self, begin: float, end: float) -> bool:
        return self.began <= end and begin <= self.ended


@dataclass
class Wave:
    """Some exits are away."""

    names: frozenset[str]
    dying: float
    dead: float = 0.0
    """All of it has happened: whatever begins now finds them gone."""
    returning: float = 0.0
    home: float = 0.0
    """All their sessions were seen to be back."""


@dataclass
class World:
    """What all clients share."""

    address: tuple[str, int]
    origin: Echoes
    deeds: list[Deed] = field(default_factory=list)
    ended: bool = False
    latest: dict[str, Deed] = field(default_factory=dict)
    """Of each session, the one that was answered last."""


class Client:
    """Asks for one thing after another, in sessions and without, and never stops at a failure."""

    def __init__(self, world: World, number: int, who: Credential) -> None:
        self._world = world
        self._number = number
        self._who = who
        self._book = Book()
        self._draw = random.Random(number)
        self._link: Link | None = None
        self._held: list[tuple[Link, Deed]] = []
        self.sessions = [f"{number}-{each}" for each in range(SESSIONS)]

    async def work(self) -> None:
        for step in self._steps():
            if self._world.ended:
                break
            await step()
            await asyncio.sleep(PAUSE * self._draw.random())
        for link, deed in self._held:
            await self._part(link, deed, self._finish)
        if self._link is not None:
            self._link.close()

    def _steps(self) -> Iterator[Callable[[], Awaitable[None]]]:
        for session in self.sessions:
            yield lambda session=session: self._get(session)
        while True:
            yield self._echo
            for session in ("", self._draw.choice(self.sessions)):
                yield lambda session=session: self._get(session)
                if self._draw.random() < 0.3:
                    yield lambda session=session: self._tunnel(session)

    # Deeds

    async def _get(self, session: str) -> None:
        marker = b"%d.%d" % (self._number, len(self._world.deeds))
        link = self._link = self._link or await self._opened()
        size = self._draw.choice((200, 200, 50_000))
        request = b"GET http://127.0.0.1:%d/n/%d/%b HTTP/1.1\r\nHost: h\r\n%b\r\n"
        request %= self._world.origin.http, size, marker, self._line(session)
        deed = self._begin("GET", session)
        try:
            await link.send(request, deed.counted)
            head = await link.head(deed.counted)
            self._told(deed, head)
            body = await link.body(head, deed.counted)
        except Gone as gone:
            self._end(deed, str(gone))
        else:
            refused = head.field(b"x-proxymesh-error").decode()
            if not refused and body != body_of(marker, size):
                raise Wrong(f"asked {marker!r}, answered {body[:40]!r}")
            self._end(deed, refused)
            if head.field(b"connection") != b"close":
                return
        link.close()
        self._link = None

    async def _tunnel(self, session: str = "") -> None:
        """Opened, used and ended at once."""
        link, deed = await self._open(session)
        if not deed.failed:
            await self._part(link, deed, self._echoes)
        if not deed.failed:
            await self._part(link, deed, self._finish)

    async def _echo(self) -> None:
        """In one of those that are kept; another one is opened in the place of one that is lost."""
        if len(self._held) < HELD:
            link, deed = await self._open("")
            if not deed.failed:
                self._held.append((link, deed))
            return
        link, deed = held = self._held[0]
        self._held.remove(held)
        await self._part(link, deed, self._echoes)
        if not deed.failed:
            self._held.append(held)

    async def _open(self, session: str) -> tuple[Link, Deed]:
        link = await self._opened()
        deed = self._begin("CONNECT", session)
        request = b"CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: h\r\n%b\r\nE"
        try:
            await link.send(request % (self._world.origin.raw, self._line(session)), deed.counted)
            head = await link.head(deed.counted)
        except Gone as gone:
            self._end(deed, str(gone))
        else:
            self._told(deed, head)
            if head.status != 200:
                self._end(deed, head.field(b"x-proxymesh-error").decode())
        if deed.failed:
            link.close()
        return link, deed

    async def _part(self, link: Link, deed: Deed, part: Callable[[Link, Deed], Awaitable[None]]) -> None:
        try:
            await part(link, deed)
        except (Gone, OSError) as gone:
            self._end(deed, str(gone) or "gone")
            link.close()

    async def _echoes(self, link: Link, deed: Deed) -> None:
        await link.echo(b"%d, are you there? %b" % (self._number, b"x" * self._draw.randrange(2_000)), deed.counted)

    async def _finish(self, link: Link, deed: Deed) -> None:
        await link.finish(deed.counted)
        self._end(deed, "")

    # What is noted

    async def _opened(self) -> Link:
        return await Link.open(self._book, self._world.address)

    def _line(self, session: str) -> bytes:
        return self._who.line + (f"X-ProxyMesh-Session: {session}\r\n".encode() if session else b"")

    def _begin(self, method: str, session: str) -> Deed:
        deed = Deed(self._number, session, time.monotonic(), self._book.begin(self._who.account, method))
        self._world.deeds.append(deed)
        return deed

    def _told(self, deed: Deed, head: Head) -> None:
        deed.exit = head.field(b"x-proxymesh-ip").decode()
        found = _ID.search(head.field(b"proxy-status"))
        deed.id = found[1].decode() if found else ""
        if deed.session and deed.exit:
            self._world.latest[deed.session] = deed

    def _end(self, deed: Deed, failed: str) -> None:
        deed.ended = time.monotonic()
        deed.failed = failed


class DyingExitsTests(SynchronousTestCase):
    def test_nobody_loses_more_than_what_was_under_way(self) -> None:
        """Sessions of the other exits never move; those of the dead ones do, and come back to the very same."""
        self.mortals = Mortals(self, EXITS)
        self.daemon = LiveDaemon(self, CONFIG + self.mortals.toml("exit"))
        people = [basic(name, name, self.daemon.account(name)) for name in NAMES]
        self.world = World(("127.0.0.1", self.daemon.proxy_port), Echoes(self))
        self.clients = [Client(self.world, number, people[number % len(people)]) for number in range(CLIENTS)]
        waves = asyncio.run(self._scenario())
        self._judge_failures(waves)
        self._judge_sessions(waves)
        self._judge_log()
        self.assertNotIn("Traceback", self.daemon.log_text())

    # What happens

    async def _scenario(self) -> list[Wave]:
        world = self.world
        work = asyncio.gather(*(client.work() for client in self.clients))
        sessions = {session for client in self.clients for session in client.sessions}
        await self._become(lambda: sessions == set(world.latest), work)
        self.homes = {session: deed.exit for session, deed in world.latest.items()}
        waves = []
        for number in range(WAVES):
            await asyncio.sleep(BEFORE)
            waves.append(await self._wave(range(number * DYING, (number + 1) * DYING), work))
        world.ended = True
        await work
        return waves

    async def _wave(self, which: range, work: asyncio.Future[list[None]]) -> Wave:
        wave = Wave(frozenset(f"exit-{number}" for number in which), time.monotonic())
        await asyncio.to_thread(self.mortals.die, which)
        wave.dead = time.monotonic()
        await asyncio.sleep(AWAY)
        moved = [session for session, home in self.homes.items() if home in wave.names]
        await self._become(lambda: all(self._was_away(session, wave.dead) for session in moved), work)
        wave.returning = time.monotonic()
        await asyncio.to_thread(self.mortals.come_back, which)
        await self._become(lambda: all(self._is_home(session, wave.returning) for session in moved), work)
        wave.home = time.monotonic()
        return wave

    def _was_away(self, session: str, since: float) -> bool:
        deeds = (deed for deed in self.world.deeds if deed.session == session and deed.exit)
        return any(deed.began > since and deed.ended for deed in deeds)

    def _is_home(self, session: str, since: float) -> bool:
        deed = self.world.latest[session]
        return deed.began > since and deed.exit == self.homes[session]

    async def _become(self, condition: Callable[[], bool], work: asyncio.Future[list[None]]) -> None:
        end = time.monotonic() + BACK
        while not condition():
            if work.done():
                work.result()  # a client came upon what must not be
            self.assertLess(time.monotonic(), end, "not in time")
            await asyncio.sleep(0.02)

    # What is asked of it

    def _judge_failures(self, waves: list[Wave]) -> None:
        deeds = self.world.deeds
        failed = [deed for deed in deeds if deed.failed]
        for wave in waves:
            under_way = [deed for deed in deeds if deed.overlaps(wave.dying, wave.dead)]
            lost = [deed for deed in under_way if deed.failed and deed.exit in wave.names | {""}]
            each = Counter(deed.client for deed in lost)
            own = Counter(deed.client for deed in under_way)
            figure(
                f"{DYING} of {EXITS} exits die",
                exchanges=len(deeds),
                under_way=len(under_way),
                lost=len(lost),
                lost_tunnels=sum(deed.counted.method == "CONNECT" for deed in lost),
                of_one_client_at_most=max(each.values(), default=0),
                died_within=f"{wave.dead - wave.dying:.3f}s",
                away=f"{wave.returning - wave.dead:.1f}s",
                all_back_after=f"{wave.home - wave.returning:.1f}s",
            )
            self.assertTrue(lost, "exits that nothing went through have died")
            self.assertLessEqual(each, own)
            through = [deed for deed in deeds if deed.exit in wave.names and deed.began < wave.dying]
            self.assertEqual([], [deed for deed in through if deed.ended > wave.returning and not deed.failed])
            failed = [deed for deed in failed if deed not in lost]
            for name in wave.names:
                for text in ("has failed and rests", "works again"):
                    self.assertIn(f"exit {name} {text}", self.daemon.log_text())
        self.assertEqual([], failed, "begun after a death, or by an exit that lived")

    def _judge_sessions(self, waves: list[Wave]) -> None:
        told = [deed for deed in self.world.deeds if deed.session and deed.exit]
        away = {name: wave for wave in waves for name in wave.names}
        stayed, moved = 0, Counter[str]()
        while_dead: dict[str, set[str]] = {}
        for deed in told:
            home = self.homes[deed.session]
            wave = away.get(home)
            if wave is None or not deed.overlaps(wave.dying, wave.home):
                self.assertEqual(home, deed.exit, deed)
                stayed += 1
            elif deed.began > wave.dead and deed.ended < wave.returning:
                while_dead.setdefault(deed.session, set()).add(deed.exit)
                moved[deed.session] += 1
        figure(
            "sessions",
            of_the_dead=sum(home in away for home in self.homes.values()),
            of_others=sum(home not in away for home in self.homes.values()),
            answers_at_home=stayed,
            answers_elsewhere_while_it_was_dead=sum(moved.values()),
        )
        self.assertEqual(set(self.homes.values()), {f"exit-{number}" for number in range(EXITS)})
        self.assertEqual(set(while_dead), {session for session, home in self.homes.items() if home in away})
        for session, exits in while_dead.items():
            self.assertEqual(1, len(exits), f"{session} went from one to the next: {exits}")
            self.assertFalse(exits & away[self.homes[session]].names)

    def _judge_log(self) -> None:
        """Store = log = clients: to the byte for what went well, and between their bounds for what was cut."""
        deeds = {deed.id: deed for deed in self.world.deeds}
        lines = until(
            lambda: len(found := lines_of(self.daemon)) == len(deeds) and {line["id"]: line for line in found},
            "the log has each exchange once",
        )
        self.assertEqual(set(deeds), set(lines))
        clients, cut = Counter[str](), Counter[str]()
        for key, line in lines.items():
            deed, moved = deeds[key], (line["up"], line["down"])
            account = deed.counted.account
            if not deed.failed:
                self.assertEqual((deed.counted.up, deed.counted.down, deed.exit), (*moved, line["exit"]), deed)
                clients[account] += sum(moved)
                continue
            cut[account] += sum(moved)
            self.assertLessEqual(moved[0], deed.counted.up, deed)
            self.assertLessEqual(deed.counted.down if deed.exit else 0, moved[1], deed)
        expected = dict(clients + cut)
        stored = until(
            lambda: (totals := {name: self.daemon.total(name) for name in NAMES}) == expected and totals, "the store"
        )
        figure(
            "bytes",
            store=sum(stored.values()),
            log=sum(expected.values()),
            clients=sum(clients.values()),
            of_what_was_cut=sum(cut.values()),
        )
