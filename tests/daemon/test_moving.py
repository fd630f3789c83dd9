"""The daemon in a live move: with which store it goes on, whatever becomes of the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, DeferredQueue
from twisted.internet.endpoints import UNIXServerEndpoint
from twisted.internet.protocol import Factory
from twisted.protocols.basic import LineOnlyReceiver
from twisted.trial.unittest import TestCase

from meshd.daemon import moving
from meshd.daemon.moving import SOCKET, Moving
from meshd.store import marks
from meshd.store.interface import StoreError, StoreUnavailable
from meshd.store.moving import offline
from meshd.store.moving import open as ends
from meshd.store.sqlite.store import SQLiteStore
from meshd.store.statements import changes
from meshd.store.switch import Switch
from tests.support import stores

NOW = 1_732_276_800


class Command(LineOnlyReceiver):
    """What `meshd move --live` is to the daemon."""

    delimiter = b"\n"

    def __init__(self) -> None:
        self.answers: DeferredQueue[Any] = DeferredQueue()

    def lineReceived(self, line: bytes) -> None:
        self.answers.put(json.loads(line))

    async def ask(self, word: str, **facts: str) -> Any:
        self.sendLine(json.dumps({"do": word, **facts}).encode())
        return await self.answers.get()


class MovingTests(TestCase):
    def setUp(self) -> None:
        self.source, self.target = (f"sqlite:///{stores.put_migrated(stores.sqlite_path(self))}" for _ in range(2))
        with offline.both(self.source, self.target) as (source, target):
            source.execute("update change_counter set seq = 7")
            offline.begin(source, target, self.target, NOW)
            for name in ("change_counter",):
                target.insert(target.tables[name], [(1, 8)])  # not the same, so that one is told from the other
        self.folder = Path(stores.folder(self))
        self.switch = Switch(SQLiteStore(reactor, self.source.removeprefix("sqlite:///")))
        self.addCleanup(lambda: Deferred.fromCoroutine(self.switch.stop()))
        self.moving = self.made()
        self.come: DeferredQueue[Command] = DeferredQueue()

    def made(self, refusal: str = "") -> Moving:
        return Moving(reactor, self.switch, self.folder, self.source, refusal=lambda: refusal)

    async def begun(self) -> Command:
        """The command, to which the daemon has come."""
        await self.switch.start()

        def build() -> Command:
            command = Command()
            command.connectionMade = lambda: self.come.put(command)  # type: ignore[method-assign]
            return command

        port = await UNIXServerEndpoint(reactor, str(self.folder / SOCKET)).listen(Factory.forProtocol(build))
        self.addCleanup(port.stopListening)
        self.assertTrue(await self.moving.begin())
        self.assertFalse(await self.moving.begin(), "one is followed already")
        return await self.come.get()

    def mark(self) -> None:
        """The source as moved, as the command's last commit does it."""
        with offline.both(self.source, self.target) as (source, target), source.locked():
            offline.close(source, target, NOW)

    async def uses(self) -> str:
        return {7: "source", 8: "target"}[await self.switch.run(changes.newest)]

    async def test_to_the_end(self) -> None:
        """It holds still when it is asked, and goes on with the target; a later move begins from there."""
        command = await self.begun()
        self.assertEqual(await command.ask("prepare", url=self.target), {"done": "prepare"})
        self.assertEqual(await self.uses(), "source")
        self.assertEqual(await command.ask("freeze"), {"done": "freeze"})
        waiting = Deferred.fromCoroutine(self.uses())
        self.mark()
        with ends.opened(self.target) as target:
            offline.open_up(target)
        self.assertEqual(await command.ask("cut"), {"done": "cut"})
        self.assertEqual(await waiting, "target")
        command.transport.loseConnection()

    async def test_no_move_after_all(self) -> None:
        """It goes on with the source, and holds still again when it is asked again."""
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        for _ in range(2):
            await command.ask("freeze")
            waiting = Deferred.fromCoroutine(self.uses())
            self.assertEqual(await command.ask("go on"), {"done": "go on"})
            self.assertEqual(await waiting, "source")
        command.transport.loseConnection()

    async def test_the_command_dies(self) -> None:
        """While everybody waits: the marks say that nothing has moved."""
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        waiting = Deferred.fromCoroutine(self.uses())
        command.transport.abortConnection()
        self.assertEqual(await waiting, "source")

    async def test_the_command_dies_before_its_last_step(self) -> None:
        """The source has moved and the target is not open yet: the daemon opens it."""
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        waiting = Deferred.fromCoroutine(self.uses())
        self.mark()
        command.transport.abortConnection()
        self.assertEqual(await waiting, "target")
        with ends.opened(self.target) as target:
            self.assertIsNone(ends.mark(target, self.target))

    async def test_the_command_is_silent(self) -> None:
        """Nobody waits for it for long; once it speaks again, it is heard."""
        self.patch(moving, "PATIENCE", 0.01)
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        self.assertEqual(await self.uses(), "source")
        self.mark()
        await command.ask("cut")
        self.assertEqual(await self.uses(), "target")
        command.transport.loseConnection()

    async def test_a_daemon_that_cannot(self) -> None:
        """It says why, and so it does where the target is none, or is out of reach."""
        self.moving = self.made("it has workers")
        command = await self.begun()
        self.assertEqual(await command.ask("prepare", url=self.target), {"refused": "it has workers"})
        command.transport.loseConnection()

    async def test_a_target_that_is_none(self) -> None:
        """One that nobody fills, or that is out of reach."""
        other = f"sqlite:///{stores.put_migrated(stores.sqlite_path(self))}"
        command = await self.begun()
        self.assertEqual(await command.ask("prepare", url=other), {"refused": "the target is not being filled"})
        answer = await command.ask("prepare", url=f"sqlite:///{self.folder}/none/x")
        self.assertIn("cannot be made", answer["refused"])
        command.transport.loseConnection()

    async def test_a_socket_that_was_left_behind(self) -> None:
        """It is removed, and this reload is one already."""
        (self.folder / SOCKET).touch()
        self.assertFalse(await self.moving.begin())
        self.assertFalse((self.folder / SOCKET).exists())
        self.assertFalse(self.moving.under_way)

    async def test_a_target_that_is_away_at_the_end(self) -> None:
        """Nobody waits for it without end: they read the old store, and the target as soon as it answers."""
        self.patch(moving, "PAUSE", 0.01)
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        self.patch(moving, "PATIENCE", 0.0)  # for the target; the command's word is awaited already, for longer
        self.mark()
        away, open_store = [True], moving.open_store

        def open_(*where: Any) -> Any:
            if away[0]:
                raise StoreUnavailable("it is away")
            return open_store(*where)

        self.patch(moving, "open_store", open_)
        waiting = Deferred.fromCoroutine(self.uses())
        cut = Deferred.fromCoroutine(command.ask("cut"))
        self.assertEqual(await waiting, "source")
        away[0] = False
        self.assertEqual(await cut, {"done": "cut"})
        self.assertEqual(await self.uses(), "target")
        command.transport.loseConnection()

    async def test_what_nobody_expects(self) -> None:
        """While everybody waits, here words that are none: it is logged, and they wait no more."""
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        waiting = Deferred.fromCoroutine(self.uses())
        command.sendLine(b"nonsense")
        self.assertEqual(await waiting, "source")
        await self.moving.ended()
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)

    async def test_a_stop(self) -> None:
        """While everybody waits: they go on, so that the daemon can end."""
        command = await self.begun()
        await command.ask("prepare", url=self.target)
        await command.ask("freeze")
        waiting = Deferred.fromCoroutine(self.uses())
        await self.moving.stop()
        self.assertEqual(await waiting, "source")

    async def test_the_marks(self) -> None:
        """What the tests above rest on."""
        self.mark()
        with ends.opened(self.source) as source:
            self.assertEqual((ends.mark(source, self.source) or (0,))[0], marks.MOVED)
            with self.assertRaises(StoreError):
                source.execute("update change_counter set seq = 9")
