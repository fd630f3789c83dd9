"""SIGHUP: what is new holds, what is open stays, and a file that is wrong changes nothing."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import trustme
from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support.daemon import LOOPBACK, LiveDaemon, clean_environment, free_port, until
from tests.support.origin import RecordingOrigin

daemon: LiveDaemon
origin: RecordingOrigin
echo: RecordingOrigin
folder: Path
anna: bytes

INTERNAL = "http://meshd.internal/"


def setUpModule() -> None:
    global daemon, origin, echo, folder, anna  # noqa: PLW0603
    folder = Path(tempfile.mkdtemp(prefix="meshd-cert-", dir="/tmp"))
    new_certificate()
    daemon = LiveDaemon(config=plain())
    origin = RecordingOrigin()
    echo = RecordingOrigin(raw="echo")
    anna = basic("anna", daemon.account("anna"))


def tearDownModule() -> None:
    for each in (origin, echo, daemon):
        each.close()
    shutil.rmtree(folder)


def new_certificate() -> None:
    """Another pair in the same files."""
    made = trustme.CA().issue_cert("127.0.0.1")
    made.cert_chain_pems[0].write_to_path(str(folder / "cert.pem"))
    key = folder / "key.pem"
    key.touch(mode=0o600)
    made.private_key_pem.write_to_path(str(key))


def plain(rest: str = "") -> str:
    """The settings that every test begins with, and more."""
    return f'[api]\ncertificate = "{folder}/cert.pem"\nkey = "{folder}/key.pem"\n{rest}'


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 60).close()
    except ConnectionRefusedError:
        return False
    return True


def served() -> bytes:
    """The certificate that the API shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        socket.create_connection(("127.0.0.1", daemon.api_port), 60) as plain_socket,
        context.wrap_socket(plain_socket) as secure,
    ):
        return secure.getpeercert(binary_form=True) or b""


class ReloadCase(SynchronousTestCase):
    """Each test has a tunnel that was open before, and still answers after it."""

    def setUp(self) -> None:
        self.tunnel = Raw(self, daemon.proxy_port)
        self.assertEqual(self.tunnel.tunnel(echo.authority, anna), 200)
        self.assertTrue(self.tunnel.echoes())
        self.addCleanup(self.check_tunnel)

    def check_tunnel(self) -> None:
        self.assertTrue(self.tunnel.echoes(), "the open tunnel has suffered")
        self.taken(plain())
        self.assertTrue(self.tunnel.echoes(), "the open tunnel has suffered")

    def taken(self, config: str) -> None:
        self.assertIn("settings reloaded", daemon.reload(config))

    def refused(self, config: str) -> str:
        """Why."""
        line = daemon.reload(config)
        self.assertIn("settings were not reloaded: ", line)
        return line

    def facts(self, port: int) -> dict[str, str]:
        """What meshd.internal says through a port."""
        raw = Raw(self, port)
        raw.send(
            b"GET " + INTERNAL.encode() + b" HTTP/1.1\r\nHost: meshd.internal\r\nConnection: close\r\n" + anna + b"\r\n"
        )
        return dict(json.loads(raw.rest().partition(b"\r\n\r\n")[2]))


class GoodReloadTests(ReloadCase):
    def test_a_new_listener_opens_and_closes_with_its_line(self) -> None:
        """A tunnel that came by it outlives it."""
        extra = free_port()
        both = f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "tcp:{extra}"]\n'
        self.assertFalse(listens(extra))
        self.taken(plain(both))
        self.assertEqual(self.facts(extra)["proxy"], "local")
        by_extra = Raw(self, extra)
        self.assertEqual(by_extra.tunnel(echo.authority, anna), 200)
        self.taken(plain())
        self.assertFalse(listens(extra))
        self.assertTrue(listens(daemon.proxy_port))
        self.assertTrue(by_extra.echoes())

    def test_a_new_proxy_serves_whom_it_is_authorized_for(self) -> None:
        """402 before `meshd proxy authorize`, its own name after it."""
        extra = free_port()
        proxies = f'[proxies.local]\nlisten = ["tcp:{daemon.proxy_port}"]\n[proxies.extra]\nlisten = ["tcp:{extra}"]\n'
        self.taken(plain(proxies))
        self.assertEqual(Raw(self, extra).get(INTERNAL, anna), 402)
        daemon.cli("proxy", "authorize", "anna", "extra")
        until(lambda: Raw(self, extra).get(INTERNAL, anna) == 200, "extra serves anna")
        self.assertEqual(self.facts(extra)["proxy"], "extra")

    def test_new_destination_rules_hold_for_what_comes(self) -> None:
        """A port that is denied now is refused, on a connection that was kept too."""
        kept = Raw(self, daemon.proxy_port)
        self.assertEqual(kept.get(origin.url(), anna), 200)
        self.taken(plain(f'[destinations]\ndeny_ports = ["{origin.port}", "{echo.port}"]\n'))
        self.assertEqual(kept.get(origin.url(), anna), 403)
        self.assertEqual(Raw(self, daemon.proxy_port).tunnel(echo.authority, anna), 403)

    def test_a_renewed_certificate_is_shown(self) -> None:
        """The same files, another pair."""
        before = served()
        new_certificate()
        self.assertEqual(served(), before)
        self.taken(plain())
        self.assertNotEqual(served(), before)

    def test_bounds_of_connections_hold_from_then_on(self) -> None:
        """Of the proxies in all, and of the API by address: both without a restart, and back again."""
        self.taken(plain("[limits]\nconnections = 1\nunauthenticated_per_address = 1\n[timeouts]\nhead = 3600\n"))
        refused = Raw(self, daemon.proxy_port)
        self.assertEqual(refused.get(origin.url(), anna), 503)
        two = [self.silent(), self.silent()]
        until(lambda: any(each is None or each.ends(within=0.05) for each in two), "one of two is ended")
        self.taken(plain())
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), anna), 200)
        many = [Raw(self, daemon.api_port) for _ in range(3)]
        self.assertFalse(any(each.ends(within=0.1) for each in many))

    def silent(self) -> Raw | None:
        """A connection to the API; None for one that was ended before it was known here that it had begun."""
        try:
            return Raw(self, daemon.api_port)
        except ConnectionResetError:
            return None

    def test_what_takes_a_restart_is_said(self) -> None:
        """By the key's name; the rest is taken."""
        since = daemon.log_position
        self.taken(plain("[limits]\npassword_workers = 3\n"))
        daemon.wait_for_log("limits.password_workers", since=since)

    def test_the_command_line_reloads(self) -> None:
        """`meshd reload` finds the process by the data folder, and what it says is so by then."""
        extra = free_port()
        daemon.configure(plain(f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "tcp:{extra}"]\n'))
        verdict = daemon.cli("reload")
        self.assertEqual((verdict["pid"], verdict["reloaded"]), (daemon.pid, True))
        self.assertTrue(listens(extra))
        daemon.configure(plain("[limits]\npassword_workers = 3\n"))
        for _ in range(2):  # it is said as long as it is so
            notes = ["limits.password_workers takes a restart to change"]
            self.assertEqual([note for note in daemon.cli("reload")["notes"] if "restart" in note], notes)

    def test_commands_at_once_each_hear_of_what_they_wrote(self) -> None:
        """Whoever reloads gets the verdict of a reload that began after that, however many do so."""
        verdicts: list[tuple[int, str]] = []

        def ask() -> None:
            done = subprocess.run(
                [sys.executable, "-m", "meshd.cli.main", "--data-dir", str(daemon.data_dir), "reload"],
                env=clean_environment(),
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            verdicts.append((done.returncode, done.stderr))

        for config, status in (("[timeouts]\nhed = 1\n", 1), ("", 0)):
            daemon.configure(plain(config))
            verdicts.clear()
            asking = [threading.Thread(target=ask) for _ in range(4)]
            for each in asking:
                each.start()
            for each in asking:
                each.join()
            self.assertEqual({code for code, _ in verdicts}, {status}, verdicts)
            self.assertEqual(sum("hed" in said for _, said in verdicts), 4 * status)

    def test_signals_in_a_burst_end_in_what_the_file_says_last(self) -> None:
        """With a listener more and a listener less each time; none is taken for somebody else's."""
        extra, last = free_port(), free_port()
        more, most = (
            plain(f"[proxy]\nlisten = {[f'tcp:{each}' for each in (daemon.proxy_port, *ports)]}\n")
            for ports in ([extra], [extra, last])
        )
        since = daemon.log_position
        for config in (*(plain(), more) * 10, most):
            daemon.configure(config)
            daemon.signal(signal.SIGHUP)
        until(lambda: listens(last), "the last file is in force")
        self.assertTrue(listens(extra))
        self.assertEqual(self.facts(daemon.proxy_port)["proxy"], "local")
        self.assertNotIn("not reloaded", "".join(daemon.log_lines(since)))


class BadReloadTests(ReloadCase):
    """What is wrong is named, and all else of the file is left alone too."""

    def setUp(self) -> None:
        super().setUp()
        self.extra = free_port()
        self.certificate = served()
        self.rest = f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "tcp:{self.extra}"]\n[timeouts]\n'

    def check_nothing_changed(self) -> None:
        self.assertFalse(listens(self.extra), "the new listener of a refused file is open")
        self.assertEqual(served(), self.certificate)
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), anna), 200)

    def test_an_unknown_key(self) -> None:
        """Its name and the line."""
        line = self.refused(plain(self.rest + "hed = 3\n"))
        self.assertRegex(line, r"meshd\.toml line \d+: .*hed")
        self.check_nothing_changed()

    def test_a_file_that_is_no_toml(self) -> None:
        """The line."""
        assert daemon.config_file is not None
        text = daemon.config_file.read_text()
        daemon.config_file.write_text(f"{plain(self.rest)}[destinations\nallow = {LOOPBACK}\n")
        self.addCleanup(daemon.config_file.write_text, text)
        line = daemon.reload()
        self.assertRegex(line, r"not reloaded: .*meshd\.toml line \d+")
        self.check_nothing_changed()

    def test_a_file_that_is_gone(self) -> None:
        """Its name."""
        assert daemon.config_file is not None
        text = daemon.config_file.read_text()
        daemon.config_file.unlink()
        line = daemon.reload()
        daemon.config_file.write_text(text)
        self.assertRegex(line, r"not reloaded: .*meshd\.toml")
        self.check_nothing_changed()

    def test_a_port_that_is_in_use(self) -> None:
        """The endpoint; the other new listener is closed again, and a renewed certificate is not taken."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"tcp:{taken.getsockname()[1]}"
            new_certificate()
            ports = f'["tcp:{daemon.proxy_port}", "tcp:{self.extra}", "{endpoint}"]'
            self.assertIn(endpoint, self.refused(plain(f"[proxy]\nlisten = {ports}\n")))
            self.check_nothing_changed()

    def test_the_command_says_what_the_daemon_alone_can_know(self) -> None:
        """A port that is taken is no fault of the file: `meshd reload` fails, and says why."""
        with socket.create_server(("127.0.0.1", 0)) as taken:
            endpoint = f"tcp:{taken.getsockname()[1]}"
            daemon.configure(plain(f'[proxy]\nlisten = ["tcp:{daemon.proxy_port}", "{endpoint}"]\n'))
            status, out, err = daemon.run_cli("reload")
        self.assertEqual((status, out), (1, ""))
        self.assertEqual(
            err, f"meshd: settings were not reloaded: cannot listen on {endpoint}: Address already in use\n"
        )
        self.check_nothing_changed()

    def test_a_key_that_is_not_the_certificates(self) -> None:
        """The key's name."""
        kept = (folder / "key.pem").read_bytes()
        (folder / "key.pem").write_bytes(trustme.CA().private_key_pem.bytes())
        line = self.refused(plain(self.rest))
        (folder / "key.pem").write_bytes(kept)
        self.assertIn("key.pem", line)
        self.check_nothing_changed()
