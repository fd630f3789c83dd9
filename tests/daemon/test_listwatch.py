"""Lists fetched in time: when each is due, what comes of failures, what is told, and the end."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from random import Random
from shutil import rmtree
from tempfile import mkdtemp
from types import SimpleNamespace

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import Clock
from twisted.logger import LogEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from meshd.config.exits.kept import Fetched, State, state_of
from meshd.config.exits.remote import RemoteList, list_file
from meshd.daemon.listwatch import AT_ONCE, FIRST_PAUSE, JITTER, ListWatch
from meshd.exits.fetching import FetchError

NOW = 1_770_000_000


class Seller:
    """Answers what the test says; without an answer a fetch stays open."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        """Which list was asked for, and the version that was known."""
        self.answer: Fetched | Exception | None = None
        self.open = 0
        self.cancelled = 0

    async def fetch(self, source: RemoteList, known: State) -> Fetched:
        self.asked.append((source.name, known.etag))
        if isinstance(self.answer, Exception):
            raise self.answer
        if self.answer is not None:
            return self.answer
        self.open += 1
        waiting: Deferred[Fetched] = Deferred(self._cancel)
        return await waiting

    def _cancel(self, _: object) -> None:
        self.cancelled += 1


class ListWatchTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(mkdtemp())
        self.addCleanup(rmtree, self.folder)
        self.seller = Seller()
        self.seller.answer = Fetched(b"gw.example:1\ngw.example:2\n", '"1"')
        self.said: list[str] = []
        globalLogPublisher.addObserver(self.hear)
        self.addCleanup(globalLogPublisher.removeObserver, self.hear)
        self.source = RemoteList("seller", "https://lists.example/s3cret", every=1000)
        self.config = SimpleNamespace(data_dir=self.folder, exit_lists=(self.source,))
        self.begin()

    def begin(self) -> None:
        self.clock = Clock()
        self.watch = ListWatch(
            self.clock,
            lambda: self.config,  # type: ignore[arg-type, return-value]
            self.seller,  # type: ignore[arg-type]
            lambda: NOW + self.clock.seconds(),
            maybeDeferred,
            Random(1),
        )
        self.watch.start()
        self.addCleanup(lambda: self.watch.stop().close())

    def hear(self, event: LogEvent) -> None:
        if event["log_namespace"] == "meshd.daemon.listwatch":
            self.said.append(str(event["log_format"]).format(**event))

    def later(self, seconds: float) -> int:
        """How often a list was asked for in so many seconds."""
        before = len(self.seller.asked)
        for _ in range(int(seconds)):
            self.clock.advance(1)
        return len(self.seller.asked) - before

    def state(self) -> State:
        return state_of(self.folder, self.source)

    def test_at_once_and_then_by_the_interval(self) -> None:
        """More or less, by chance; with the version that is known."""
        self.assertEqual(self.seller.asked, [("seller", "")])
        self.assertEqual((self.state().exits, self.state().checked), (2, NOW))
        self.assertEqual(self.later(1000 * (1 - JITTER) - 2), 0)
        self.assertEqual(self.later(2 * 1000 * JITTER + 4), 1)
        self.assertEqual(self.seller.asked[1], ("seller", '"1"'))
        self.assertEqual(self.said, ["the list of exits seller has come: 2 exits"])

    def test_after_a_restart_what_is_kept_is_used(self) -> None:
        """And fetched when its time has come, or at once where the URL is another."""
        self.begin()
        self.assertEqual(self.later(1000 * (1 - JITTER) - 2), 0)
        self.assertEqual(self.later(2 * 1000 * JITTER + 4), 1)
        self.source = RemoteList("seller", "https://lists.example/other", every=1000)
        self.config.exit_lists = (self.source,)
        self.assertEqual(self.later(2), 1)

    def test_failures(self) -> None:
        """Are tried again, later each time; the list stays, and the log has each reason once."""
        for answer, words in (
            (FetchError("the server answers 500"), "the server answers 500"),
            (Fetched(b""), "the list is empty"),
            (OSError(28, "No space left on device"), "it cannot be kept: [Errno 28] No space left on device"),
        ):
            self.seller.answer = answer
            self.said.clear()
            self.later(1101)
            self.assertIn(words, self.state().error)
            times = self.later(FIRST_PAUSE * 4)
            self.assertLess(times, 4)
            (said,) = self.said
            self.assertTrue(said.startswith("the list of exits seller was not taken, the last one stays: "), said)
            self.assertIn(words, said)
            self.assertEqual(self.state().exits, 2)
            self.assertEqual(list_file(self.folder, "seller").read_bytes(), b"gw.example:1\ngw.example:2\n")
        self.assertGreater(self.state().failures, 3)
        self.seller.answer = Fetched(None)
        self.said.clear()
        self.later(1101)
        self.assertEqual((self.state().error, self.state().failures), ("", 0))
        self.assertEqual(self.said, ["the list of exits seller has come: 2 exits"])

    def test_backing_off(self) -> None:
        """Half a minute, one, two, up to the interval."""
        self.seller.answer = FetchError("away")
        self.later(1101)
        gaps, since = [], None
        while len(gaps) < 6:
            if self.later(1):
                if since is not None:
                    gaps.append(self.clock.seconds() - since)
                since = self.clock.seconds()
        for shorter, longer in pairwise(gaps):
            self.assertGreaterEqual(longer, shorter * 0.8)
        self.assertLessEqual(max(gaps), 1000 * (1 + JITTER) + 2)

    def test_a_few_at_a_time(self) -> None:
        """Whoever is slow keeps the others waiting no longer than its bounds; none is asked twice at once."""
        self.seller.answer = None
        self.config.exit_lists = tuple(RemoteList(f"l{number}", "https://l.example/") for number in range(AT_ONCE + 3))
        self.assertEqual(self.later(30), AT_ONCE)

    def test_a_list_that_the_settings_lose(self) -> None:
        self.config.exit_lists = ()
        self.assertEqual(self.later(3000), 0)

    def test_a_stop_ends_what_is_under_way(self) -> None:
        """Which is no failure of the list."""
        self.seller.answer = None
        self.config.exit_lists = (RemoteList("other", "https://l.example/"),)
        self.later(2)
        self.said.clear()
        self.successResultOf(Deferred.fromCoroutine(self.watch.stop()))
        self.assertEqual((self.seller.cancelled, self.said), (1, []))
        self.assertEqual(state_of(self.folder, self.config.exit_lists[0]), State())
        self.assertEqual(self.later(3000), 0)
