"""Sessions of HTTP/2 whose streams are of two accounts by turns: no byte of one is ever the other's."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.echoes import Echoes, body_of
from tests.support.figures import figure, sized
from tests.support.http2 import Header, Session, basic, get

SESSIONS = 4
EXCHANGES = sized(2_000, 100_000)
TOGETHER = 20
"""Streams of a session that are open at once."""
NAMES = ("anna", "bert")

SETTINGS = """
[limits]
flush_seconds = 0.2
"""


class MixedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.daemon = LiveDaemon(self, SETTINGS)
        self.origin = Echoes(self)
        self.people = {name: basic(name, self.daemon.account(name)) for name in NAMES}

    @property
    def authority(self) -> str:
        return f"127.0.0.1:{self.origin.http}"

    def asked(self, number: int) -> tuple[str, str, int]:
        """Whose the exchange of that number is, its path and the size of its answer: each tells the account."""
        name = NAMES[number % 2]
        size = 100 + number % 400
        return name, f"/n/{size}/{name}{'-' * (number % 7)}", size

    def head(self, path: str, credential: Header) -> bytes:
        """As HTTP/1.1 would say it, which is what is counted."""
        authority = self.authority.encode()
        line = b"GET http://%b%b HTTP/1.1\r\nhost: %b\r\n" % (authority, path.encode(), authority)
        return line + b"proxy-authorization: %b\r\n\r\n" % credential[1]

    def work(self, first: int) -> dict[str, Counter[int]]:
        """One session's share; by account, how often a request of that size was sent."""
        sent: dict[str, Counter[int]] = {name: Counter() for name in NAMES}
        session = Session(self.daemon)
        try:
            numbers = range(first, EXCHANGES, SESSIONS)
            for at in range(0, len(numbers), TOGETHER):
                open_now = {}
                for number in numbers[at : at + TOGETHER]:
                    name, path, size = self.asked(number // SESSIONS)
                    stream = session.begin(get(self.authority, path, self.people[name]))
                    open_now[stream] = path.rsplit("/", 1)[1].encode(), size
                    sent[name][len(self.head(path, self.people[name]))] += 1
                for stream, (marker, size) in open_now.items():
                    came = session.answer(stream)
                    assert (came.status, came.body) == (200, body_of(marker, size)), (came.status, came.reset)
                    del session.came[stream]
        finally:
            session.close()
        return sent

    def test_two_accounts_on_each_session(self) -> None:
        """Each answer is its request's, and each account has the bytes of its own requests, one by one."""
        with ThreadPoolExecutor(SESSIONS) as pool:
            shares = list(pool.map(self.work, range(SESSIONS)))
        for name in NAMES:
            expected = sum((share[name] for share in shares), Counter[int]())

            def logged(name: str = name) -> Counter[int]:
                return Counter(line["up"] for line in self.daemon.exchanges() if line["username"] == name)

            until(lambda expected=expected, logged=logged: logged() == expected, f"all lines of {name}")
            total = sum(line["up"] + line["down"] for line in self.daemon.exchanges() if line["username"] == name)
            until(lambda name=name, total=total: self.daemon.total(name) == total, f"the bill of {name}")
            figure(f"exchanges of {name}", count=sum(expected.values()), bytes=total)
