"""A newcomer's proxy gets a name, and nobody who used it notices."""

from __future__ import annotations

import threading

from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LiveDaemon, free_port

CUSTOMERS = 10
LINE = (
    f"there is no proxy 'local' in the settings, but there are {CUSTOMERS + 1} accounts for it: "
    "`meshd proxy move local NAME` moves them to another"
)


class RenamedProxyTests(SynchronousTestCase):
    """Ten customers of the trial's proxy, `local`; then three proxies with names of their own."""

    def setUp(self) -> None:
        self.daemon = LiveDaemon(self)
        self.fields = [basic(name, self.daemon.account(name)) for name in (f"c{n}" for n in range(CUSTOMERS))]
        self.ports = {name: free_port() for name in ("us", "eu", "asia")}
        self.named = "".join(f'[proxies.{name}]\nlisten = ["tcp:{port}"]\n' for name, port in self.ports.items())
        self.named += f'[proxy]\nlisten = ["tcp:{self.ports["us"]}"]\n'

    def statuses(self, port: int) -> set[int]:
        return {Raw(self, port).get("http://meshd.internal/", field) for field in self.fields}

    def fresh(self, text: str) -> None:
        """The settings as the operator has just written them."""
        self.daemon.configure(text)

    def test_moved_before_the_settings_are_taken(self) -> None:
        """Told by `config check`; moved; all pass by the old name until the reload, and by the new one from then on."""
        old = self.daemon.proxy_port
        self.assertEqual(self.statuses(old), {200})
        self.fresh(self.named)
        status, checked, _ = self.daemon.run_cli("config", "check")
        self.assertEqual((status, LINE in checked.splitlines()), (1, True), checked)
        refused = self.watched(old)
        moved = self.daemon.cli("proxy", "move", "local", "us")
        self.assertEqual((moved["accounts"], moved["tokens"]), (CUSTOMERS + 1, 0))
        self.assertEqual(self.statuses(old), {200})
        self.assertEqual(refused(), [])
        self.assertIn("settings reloaded", self.daemon.reload())
        self.assertEqual(self.statuses(self.ports["us"]), {200})
        self.assertEqual(self.daemon.cli("config", "check")["strays"], [])
        self.assertNotIn("no proxy 'local'", self.daemon.log_text())

    def watched(self, port: int) -> object:
        """Ask all the time; what is called gives the answers that were none."""
        done, refused = threading.Event(), []

        def ask() -> None:
            while not done.is_set():
                refused.extend(status for status in self.statuses(port) if status != 200)

        thread = threading.Thread(target=ask)
        thread.start()

        def end() -> list[int]:
            done.set()
            thread.join()
            return refused

        self.addCleanup(end)
        return end

    def test_moved_afterwards(self) -> None:
        """The reload says who is locked out and what helps; within a second of it all pass again; so at a start."""
        since = self.daemon.log_position
        self.daemon.reload(self.named)
        self.daemon.wait_for_log(LINE, since=since)
        since = self.daemon.log_position
        self.daemon.restart()
        self.daemon.wait_for_log(LINE, since=since)
        self.assertEqual(self.statuses(self.ports["us"]), {402})
        self.daemon.cli("proxy", "move", "local", "us")
        self.daemon.restart()
        self.assertEqual(self.statuses(self.ports["us"]), {200})

    def test_without_a_daemon(self) -> None:
        """The command needs none."""
        self.daemon.terminate()
        self.fresh(self.named)
        self.daemon.cli("proxy", "move", "local", "us")
        self.daemon.start()
        self.assertEqual(self.statuses(self.ports["us"]), {200})
