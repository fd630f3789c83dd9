"""Sticky keys are a hash and no table: a daemon that has met a hundred thousand of them is as large as before."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon
from tests.support.echoes import Echoes
from tests.support.figures import figure, sized
from tests.support.load import Book, Credential, Link, basic

KEYS = sized(6_000, 100_000)
"""Of each kind: told in a field, told in the user name."""
FIRST = 3_000
"""Of each kind, before the daemon is measured: until then it fills what is bounded, as a thousand idle connections to
origins, a thousand verdicts of the account, and a thousand exchanges that the API can tell."""
SAMPLE = 97
"""Every so many keys one is asked about again in the end."""
AT_ONCE = 50

GROWTH = 2 * 2**20
"""Bytes that the daemon may be larger in the end, however many keys there were: what an allocator leaves behind.  A
table has 200 bytes a key at the least, for its text, its place and what it stands for: 40 MB in full size."""

RACKS = 40
"""Local exits: so many that a ring finds the exit of a key, and not a ranking."""
LONG_LIST = 50_000
LONG_KEYS = sized(2_000, 10_000)
SPREAD = 0.8
"""Of the keys, at least so many exits are used: ten thousand keys meet nine thousand of fifty thousand by chance."""


class StickyMemoryTests(SynchronousTestCase):
    def test_keys_in_use_take_no_memory(self) -> None:
        """Told by a field and by the user name, through connections that are kept."""
        self.begin(f"127.8.0.{number}\n" for number in range(1, RACKS + 1))
        found = self.ask(keys(range(FIRST)))
        before = resident(self.daemon.pid)
        found |= self.ask(keys(range(FIRST, KEYS)))
        growth = resident(self.daemon.pid) - before
        figure(
            "sticky keys",
            keys=len(found),
            resident=f"{before / 2**20:.1f}MB",
            growth=f"{growth / 2**10:.0f}KB",
            of_each_key=f"{growth / (2 * (KEYS - FIRST)):.1f}B",
            exits=len(set(found.values())),
        )
        self.assertEqual(len(found), 2 * KEYS)
        self.assertEqual(len(set(found.values())), RACKS)
        self.assertLess(growth, GROWTH)
        self.check_again(found)

    def test_a_long_list(self) -> None:
        """Of fifty thousand exits: what each of them costs, and that keys go on having theirs."""
        self.begin(["127.8.0.1\n"])
        alone = resident(self.daemon.pid)
        self.begin(f"127.9.{number // 250}.{1 + number % 250}\n" for number in range(LONG_LIST))
        loaded = resident(self.daemon.pid)
        found = self.ask(f"f{number}" for number in range(LONG_KEYS))
        used = len(set(found.values()))
        figure(
            "a long list",
            exits=LONG_LIST,
            resident=f"{loaded / 2**20:.1f}MB",
            of_each_exit=f"{(loaded - alone) / LONG_LIST:.0f}B",
            keys=LONG_KEYS,
            used_exits=used,
            growth_with_keys=f"{(resident(self.daemon.pid) - loaded) / 2**20:.1f}MB",
        )
        self.assertGreater(used, LONG_KEYS * SPREAD)
        self.check_again(found)

    def begin(self, lines: Iterable[str]) -> None:
        """A daemon with a list of local exits."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        folder = TemporaryDirectory(prefix="meshd-list-", dir="/tmp")
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "rack.txt").write_text("".join(lines))
        self.daemon = LiveDaemon(self, f'exits_from = ["{folder.name}/rack.txt"]\n')
        self.origin = Echoes(self)
        self.password = self.daemon.account("anna")
        self.ask(["first"])  # its sign-in has taken the memory of the slow hash, which is twenty megabytes

    def ask(self, asked: Iterable[str]) -> dict[str, str]:
        """One request for each key; the exit that it left by."""
        found: dict[str, str] = {}
        waiting = iter(asked)

        async def some() -> None:
            link = await Link.open(Book(), ("127.0.0.1", self.daemon.proxy_port))
            for key in waiting:
                head, _ = await link.get(self.who(key), self.origin.http, "/n/10/m")
                self.assertEqual(head.status, 200, head.lines)
                found[key] = head.field(b"x-proxymesh-ip").decode()
            link.close()

        async def all_() -> None:
            await asyncio.gather(*(some() for _ in range(AT_ONCE)))

        asyncio.run(all_())
        return found

    def who(self, key: str) -> Credential:
        """Who says the key in the way that its first letter means."""
        if key[0] == "u":
            return basic("anna", f"anna-session-{key}", self.password)
        anna = basic("anna", "anna", self.password)
        return Credential("anna", anna.line + f"X-ProxyMesh-Session: {key}\r\n".encode())

    def check_again(self, found: dict[str, str]) -> None:
        """The same exits for the same keys."""
        some = list(found)[::SAMPLE]
        self.assertEqual(self.ask(some), {key: found[key] for key in some})


def keys(numbers: range) -> Iterator[str]:
    """Of both kinds: f is told by a field, u by the user name."""
    return (f"{kind}{number}" for number in numbers for kind in "fu")


def resident(pid: int) -> int:
    """Bytes."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
