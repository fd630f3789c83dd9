"""What is agreed with a customer, at a running daemon: traffic of a plan, top-ups, the last day, another name."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin

daemon: LiveDaemon
echo: RecordingOrigin


def setUpModule() -> None:
    global daemon, echo  # noqa: PLW0603
    daemon = LiveDaemon()
    echo = RecordingOrigin(raw="echo")


def tearDownModule() -> None:
    for each in (echo, daemon):
        each.close()


class AgreedTests(SynchronousTestCase):
    def tunnel(self, name: str, password: str) -> tuple[int, Raw]:
        raw = Raw(self, daemon.proxy_port)
        return raw.tunnel(echo.authority, basic(name, password)), raw

    def status(self, name: str, password: str) -> int:
        return self.tunnel(name, password)[0]

    def test_traffic_that_is_paid_for(self) -> None:
        """A plan's is the limit once a reload says so; a top-up lets go on, and a second telling adds nothing."""
        password = daemon.account("bought", plan="10")
        status, raw = self.tunnel("bought", password)
        self.assertEqual(200, status)
        self.assertTrue(raw.echoes(b"x" * 1000))
        until(lambda: daemon.total("bought"), "its bytes are billed")
        self.assertIn("settings reloaded", daemon.reload("[plans.10]\nincluded_gb = 0.000001\n"))
        self.assertTrue(raw.ends(5))
        until(lambda: self.status("bought", password) == 509, "the limit is reached")
        for _ in range(2):
            daemon.cli("account", "topup", "bought", "0.00001", "--reference", "r1")
        status, raw = until(lambda: (found := self.tunnel("bought", password))[0] == 200 and found, "it goes on")
        self.assertTrue(raw.echoes(b"y" * 1000))
        self.assertIn("settings reloaded", daemon.reload(""))

    def test_the_last_day(self) -> None:
        """In the past, it ends what is open and refuses what begins; without it all is as before."""
        password = daemon.account("leaving")
        status, raw = self.tunnel("leaving", password)
        self.assertEqual(200, status)
        daemon.cli("account", "set", "leaving", "--expires", "2020-01-01")
        self.assertTrue(raw.ends(5))
        self.assertEqual(402, self.status("leaving", password))
        daemon.cli("account", "set", "leaving", "--expires", "never")
        until(lambda: self.status("leaving", password) == 200, "it passes again")

    def test_another_name(self) -> None:
        """Is the only one from then on; what the old one opened ends."""
        password = daemon.account("before")
        status, raw = self.tunnel("before", password)
        self.assertEqual(200, status)
        daemon.cli("account", "set", "before", "--rename", "after")
        self.assertTrue(raw.ends(5))
        self.assertEqual((407, 200), (self.status("before", password), self.status("after", password)))
