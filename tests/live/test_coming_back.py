"""Clients that ask for a tunnel without a credential, are refused, and come again with one: the refusal ends their
connection, and each opens another by itself."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.test_browser import HOST, trusted
from tests.support import browser
from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.origin import RecordingOrigin, authority
from tests.threats.support import Names

PASSWORD = "correct horse"
PATIENCE = 180
REFS = b"0123456789012345678901234567890123456789\trefs/heads/main\n"

daemon: LiveDaemon


def setUpModule() -> None:
    global daemon  # noqa: PLW0603
    names = Names()
    names.say(HOST, ("127.0.0.1",))
    daemon = LiveDaemon(config=f'[dns]\nservers = ["{names.address}"]\n')
    daemon.account("anna", PASSWORD)


def tearDownModule() -> None:
    daemon.close()


class ComingBackTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.origin = RecordingOrigin(self, tls=True)
        self.home = tempfile.mkdtemp(prefix="meshd-client-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.home, ignore_errors=True)

    def run_(self, *command: str, status: int = 0, **environ: str) -> str:
        """What it prints; SkipTest where the program is not there."""
        if shutil.which(command[0]) is None:
            raise SkipTest(f"no program {command[0]}")
        done = subprocess.run(
            command,
            env={**clean_environment(), "HOME": self.home, **environ},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done.stdout

    def assert_came_again(self, method: str = "GET") -> None:
        """One tunnel was refused for want of a credential, one stood, and the origin was asked through it."""
        self.assertEqual({request.method for request in self.origin.requests}, {method})

        until(lambda: len(self.tunnels()) >= 2, "both in the log")
        self.assertEqual(sorted(self.tunnels()), [200, 407])

    def url(self, path: str = "/echo") -> str:
        """Of a name that only the daemon can resolve."""
        return self.origin.url(path, host=HOST)

    def tunnels(self) -> list[int]:
        """Statuses of those that were asked for, to this test's origin."""
        return [line["status"] for line in daemon.exchanges() if line["port"] == self.origin.port]

    def test_curl(self) -> None:
        """Told to see which way of signing in there is."""
        for scheme in ("http", "https"):
            self.setUp()
            words = ("-x", f"{scheme}://{daemon.proxy}", "--proxy-anyauth", "-U", f"anna:{PASSWORD}", "--fail")
            trust = ("--cacert", authority().file, "--proxy-cacert", str(daemon.certificate))
            self.run_("curl", "-sS", *words, *trust, self.url())
            self.assert_came_again()

    def test_git(self) -> None:
        """As it does by itself."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n" % len(REFS)
        self.origin.script("/repo.git/info/refs", head + REFS)
        user = PASSWORD.replace(" ", "%20")
        said = self.run_(
            "git",
            *("-c", f"http.proxy=http://anna:{user}@{daemon.proxy}", "ls-remote", self.url("/repo.git")),
            GIT_SSL_CAINFO=authority().file,
        )
        self.assertEqual(said.encode(), REFS)
        self.assert_came_again()

    def test_svn(self) -> None:
        """The origin is no repository, as svn finds once it has come to it."""
        host, port = daemon.proxy.split(":")
        options = {"http-proxy-host": host, "http-proxy-port": port, "http-proxy-username": "anna"}
        options |= {"http-proxy-password": PASSWORD, "ssl-authority-files": authority().file}
        given = (
            word for name, value in options.items() for word in ("--config-option", f"servers:global:{name}={value}")
        )
        self.run_("svn", "info", "--non-interactive", *given, self.url("/repo"), status=1)
        self.assert_came_again("OPTIONS")

    def test_java(self) -> None:
        """Both clients of its library, once Basic is allowed to them at all."""
        for kind in ("connection", "client"):
            self.setUp()
            said = self.run_(
                "java",
                *("-Djdk.http.auth.tunneling.disabledSchemes=", str(Path(__file__).with_name("Coming.java"))),
                *(kind, self.url(), *daemon.proxy.split(":"), "anna", PASSWORD, authority().file),
            )
            self.assertEqual(said.strip(), "200")
            self.assert_came_again()

    def test_chromium(self) -> None:
        """A page, by an HTTP proxy and by an HTTPS one."""
        try:
            browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        for scheme in ("http", "https"):
            self.setUp()
            chromium = browser.Chromium(
                self,
                f"--proxy-server={scheme}://{daemon.proxy}",
                trusted(authority().leaf, daemon.certificate.read_bytes()),
                credentials=("anna", PASSWORD),
            )
            chromium.load(self.url())
            chromium.close()
            until(lambda: set(self.tunnels()) == {200, 407}, "it came again")
            self.assertIn("/echo", [request.path for request in self.origin.requests])
