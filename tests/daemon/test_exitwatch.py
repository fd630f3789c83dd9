"""Lists of exits that change: when they are read, when they are not, and what comes of it."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp

from twisted.internet import reactor
from twisted.internet.defer import Deferred
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import TestCase

from meshd.config import Config, load
from meshd.daemon.exitwatch import ExitWatch, Fresh
from meshd.exits.pools import Pools


class ExitWatchTests(TestCase):
    """Each look is made by hand."""

    def setUp(self) -> None:
        self.folder = Path(mkdtemp()).resolve()
        self.addCleanup(rmtree, self.folder)
        self.list = self.folder / "rack.txt"
        self.list.write_text("192.0.2.1 name=one\n")
        self.settings = self.folder / "meshd.toml"
        self.settings.write_text('exits_from = ["rack.txt"]\n')
        config = self.loaded()
        self.current = Fresh(config, Pools(config.topology))
        self.swaps = 0
        self.watch = ExitWatch(reactor, lambda: self.current, self.swap)
        self.watch.start()
        self.addCleanup(self.watch.stop)
        self.said: list[str] = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)

    def loaded(self) -> Config:
        return load({"config": "meshd.toml"}, {}, cwd=self.folder)

    def swap(self, fresh: Fresh) -> None:
        self.current = fresh
        self.swaps += 1

    def hear(self, event: LogEvent) -> None:
        if event["log_namespace"] == "meshd.daemon.exitwatch":
            self.said.append(str(event["log_format"]).format(**event))

    def names(self) -> list[str]:
        return list(self.current.pools.outlets)

    async def looks(self, number: int) -> None:
        for _ in range(number):
            await self.watch.look()

    async def test_a_list_that_stays_is_left_alone(self) -> None:
        """However often it is looked at."""
        await self.looks(3)
        self.assertEqual((self.swaps, self.said), (0, []))

    async def test_a_changed_list_is_taken_at_the_second_look(self) -> None:
        """At the first one it may still be being written."""
        self.list.write_text("192.0.2.2 name=two\n192.0.2.1 name=one\n")
        await self.looks(1)
        self.assertEqual(self.names(), ["one"])
        kept = self.current.pools.outlets["one"]
        await self.looks(1)
        self.assertEqual(self.names(), ["two", "one"])
        self.assertIs(self.current.pools.outlets["one"], kept)
        await self.looks(2)
        self.assertEqual((self.swaps, self.said), (1, ["lists of exits: 2 exits"]))

    async def test_a_list_that_grows_is_waited_for(self) -> None:
        """Each change begins the waiting anew."""
        for number in range(2, 5):
            with self.list.open("a") as file:
                file.write(f"192.0.2.{number}\n")
            await self.looks(1)
        self.assertEqual(self.swaps, 0)
        await self.looks(1)
        self.assertEqual((self.swaps, len(self.names())), (1, 4))

    async def test_the_same_size_and_time_in_another_file(self) -> None:
        """As some tools that copy leave them."""
        times = self.list.stat()
        other = self.folder / "rack.new"
        other.write_text("192.0.2.9 name=two\n")
        os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
        other.rename(self.list)
        await self.looks(2)
        self.assertEqual(self.names(), ["two"])

    async def test_what_cannot_be_used_is_told_once_and_changes_nothing(self) -> None:
        """And is read when it is mended."""
        for text in ("", "nonsense\n"):
            self.list.write_text(text)
            self.said.clear()
            await self.looks(4)
            (said,) = self.said
            self.assertIn("lists of exits were not taken: meshd.toml line 1: exits_from: ", said)
        self.list.unlink()
        self.said.clear()
        await self.looks(4)
        self.assertEqual((len(self.said), self.swaps, self.names()), (1, 0, ["one"]))
        self.list.write_text("192.0.2.1 name=one\n192.0.2.2 name=two\n")
        await self.looks(2)
        self.assertEqual(self.names(), ["one", "two"])

    async def test_the_settings_themselves_are_not_read(self) -> None:
        """A file that is half edited waits for its reload."""
        self.settings.write_text("nonsense")
        self.list.write_text("192.0.2.2 name=two\n")
        await self.looks(2)
        self.assertEqual(self.names(), ["two"])

    async def test_problems_are_told_in_one_line(self) -> None:
        """The first three, and how many there are."""
        self.list.write_text("192.0.2.2\n" + "nonsense s3cret\n" * 5)
        await self.looks(2)
        (said,) = self.said
        self.assertTrue(said.startswith("lists of exits: 1 exits, 5 problems: rack.txt line 2: "), said)
        self.assertTrue(said.endswith("; and 2 more"), said)
        self.assertNotIn("s3cret", said)

    async def test_a_reload_is_waited_for(self) -> None:
        """Who has the lock changes the settings alone."""
        self.list.write_text("192.0.2.2 name=two\n")
        await self.looks(1)
        await self.watch.lock.acquire()
        look = Deferred.fromCoroutine(self.watch.look())
        fresh = await self.watch.build(self.loaded)
        self.assertEqual((self.swaps, look.called), (0, False))
        self.swap(fresh)
        self.watch.lock.release()
        await look
        self.assertEqual(self.names(), ["two"])

    async def test_a_fault_in_reading_reaches_whoever_asked(self) -> None:
        """From the thread."""
        self.list.unlink()
        with self.assertRaisesRegex(Exception, "there is no such file"):
            await self.watch.build(partial(load, {"config": "meshd.toml"}, {}, cwd=self.folder))
