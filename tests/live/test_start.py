"""How a daemon starts, what it says, and how it refuses: one line, status 1, and nothing half-made."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support import postgres
from tests.support.daemon import TWISTD, LiveDaemon, clean_environment, free_port, until
from tests.support.origin import RecordingOrigin, authority
from tests.support.stores import postgres_url

EVERYWHERE = "every address of this machine"

CURL_LINE = re.compile(r"^try it: (curl .*)$", re.MULTILINE)


def announced(daemon: LiveDaemon, since: int = 0) -> list[str]:
    """What it says to a person: all before its log begins."""
    lines = daemon.log_text().splitlines()[since:]
    return [line for line in lines if not re.match(r"\d{4}-\d\d-\d\dT", line)]


def pasted(line: str) -> subprocess.CompletedProcess[str]:
    """As a shell runs it."""
    return subprocess.run(
        line, shell=True, check=False, capture_output=True, text=True, env=clean_environment(), timeout=60
    )


def listing(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Every name under the folder, with mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        found[str(path.relative_to(folder))] = (
            status.st_mode,
            path.read_bytes() if stat.S_ISREG(status.st_mode) else b"",
        )
    return found


class FirstStartTests(SynchronousTestCase):
    """On a fresh machine, in an empty folder, without a file; one daemon, since each test only looks."""

    daemon: LiveDaemon
    said: list[str]
    complaints: str

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, config=None)
        cls.said, cls.complaints = announced(cls.daemon), cls.daemon.stderr_text()

    def test_it_says_where_it_is_and_how_to_try_it(self) -> None:
        """The two addresses, the root account's password, and a line to paste; nothing on stderr."""
        daemon = self.daemon
        self.assertEqual(
            self.said,
            [
                f"proxy local: http://{daemon.proxy} (listens on {EVERYWHERE}, port {daemon.proxy_port})",
                f"API: {daemon.api}/ (listens on {EVERYWHERE}, port {daemon.api_port})",
                f"root account: admin, password {daemon.root_password} (shown this once)",
                f"try it: curl -x http://{daemon.proxy} -U admin:{daemon.root_password} http://meshd.internal/",
            ],
        )
        self.assertEqual(self.complaints, "")

    def test_what_it_says_of_where_it_listens_is_so(self) -> None:
        """An address of this machine that is not loopback's, and the one that the banner names."""
        for host in ("127.0.0.1", "127.0.0.9", "::1"):
            for port in (self.daemon.proxy_port, self.daemon.api_port):
                socket.create_connection((host, port), 60).close()

    def test_the_printed_line_works_when_pasted(self) -> None:
        """meshd itself answers: who, by which proxy and exit, from where; and bills nobody."""
        (line,) = CURL_LINE.findall("\n".join(self.said))
        done = pasted(line)
        self.assertEqual(done.returncode, 0, done.stderr)
        facts = json.loads(done.stdout)
        self.assertEqual(
            {**facts, "exit": None}, {"account": "admin", "proxy": "local", "exit": None, "client": "127.0.0.1"}
        )
        self.assertTrue(facts["exit"])
        told = self.daemon.exchanges
        line_of_it = until(lambda: [each for each in told() if each["host"] == "meshd.internal"], "its line in the log")
        self.assertEqual((line_of_it[0]["username"], line_of_it[0]["up"], line_of_it[0]["down"]), ("admin", 0, 0))
        self.assertEqual(self.daemon.totals(), {"admin": 0})

    def test_the_root_account_signs_in_at_the_api(self) -> None:
        """With the printed password, over the certificate that was made."""
        daemon = self.daemon
        done = pasted(
            f"curl -sS --cacert {daemon.certificate} -u admin:{daemon.root_password} {daemon.api}/api/proxies/"
        )
        self.assertEqual(json.loads(done.stdout), {"proxies": [daemon.proxy]})

    def test_what_it_made_is_closed_to_others(self) -> None:
        """The folder 0700; of its files only the certificate is readable."""
        folder = self.daemon.data_dir
        self.assertEqual(stat.S_IMODE(folder.stat().st_mode), 0o700)
        open_files = [path.name for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o077]
        self.assertEqual(open_files, ["cert.pem"])

    def test_the_password_is_kept_nowhere(self) -> None:
        """In no file of the folder."""
        password = self.daemon.root_password.encode()
        self.assertEqual([name for name, (_, text) in listing(self.daemon.folder).items() if password in text], [])

    def test_a_second_start_prints_no_password_and_takes_the_old_one(self) -> None:
        """The line to paste asks for it."""
        daemon, said = self.daemon, len(self.daemon.log_text().splitlines())
        daemon.restart()
        self.assertEqual(
            announced(daemon, since=said),
            [
                f"proxy local: http://{daemon.proxy} (listens on {EVERYWHERE}, port {daemon.proxy_port})",
                f"API: {daemon.api}/ (listens on {EVERYWHERE}, port {daemon.api_port})",
                f"try it: curl -x http://{daemon.proxy} -U admin http://meshd.internal/",
            ],
        )
        raw = Raw(self, daemon.proxy_port)
        self.assertEqual(raw.get("http://meshd.internal/", basic("admin", daemon.root_password)), 200)


class BareStartTests(SynchronousTestCase):
    def test_no_option_at_all_listens_on_31280_and_8443(self) -> None:
        """`twistd --nodaemon meshd`, in an empty folder; the pasted line answers through 31280."""
        apart = _can_be_apart()
        if not apart and _in_use(31280, 8443):
            raise SkipTest("ports 31280 and 8443 of this machine are in use, and it gives no network of our own")
        daemon = BareDaemon(self, wrap=APART if apart else ())
        self.assertEqual(daemon.command[-len(TWISTD) - 1 :], [*TWISTD, "meshd"])
        inside = f"nsenter -n -t {daemon.pid} " if apart else ""
        (line,) = CURL_LINE.findall(daemon.log_text())
        self.assertIn(" http://127.0.0.1:31280 ", line)
        self.assertEqual(json.loads(pasted(inside + line).stdout)["account"], "admin")
        over_six = pasted(f"{inside}curl -sk https://[::1]:8443/healthz")
        self.assertEqual(json.loads(over_six.stdout), {"status": "ok"})
        self.assertEqual(os.listdir(daemon.folder), ["meshd-data"])


APART = ("unshare", "-n", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""A network of its own, where every port is free; Linux grants it to root."""


def _can_be_apart() -> bool:
    return not subprocess.run([*APART, "true"], check=False, capture_output=True).returncode


def _in_use(*ports: int) -> bool:
    for port in ports:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))
            except OSError:
                return True
    return False


class BareDaemon(LiveDaemon):
    """Without any option; its folder is its working directory."""

    def __init__(self, owner: SynchronousTestCase, wrap: Sequence[str]) -> None:
        super().__init__(owner, config=None, wrap=wrap)

    @property
    def command(self) -> list[str]:
        return [*self._wrap, *TWISTD, "meshd"]


class BadStartTests(SynchronousTestCase):
    """Each on a fresh folder, which is left as it was found."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-bad-", dir="/tmp"))
        self.addCleanup(shutil.rmtree, self.folder)

    def daemon(self, config: str | None = "", **options: object) -> LiveDaemon:
        return LiveDaemon(self, config, folder=self.folder, start=False, **options)  # type: ignore[arg-type]

    def check(self, daemon: LiveDaemon, *words: str) -> None:
        """It ends with status 1, says these words in one line on stderr, and changes nothing."""
        before, earlier = listing(daemon.folder), len(daemon.log_text())
        status, said = daemon.failed_start()
        self.assertEqual((status, len(said.splitlines())), (1, 1), daemon.log_text())
        self.assertTrue(said.startswith("meshd: "), said)
        for word in words:
            self.assertIn(word, said)
        self.assertEqual(daemon.log_text()[earlier:], said)
        after = listing(daemon.folder)
        self.assertEqual(sorted(after), sorted(before))
        self.assertEqual([name for name in before if after[name] != before[name]], [])

    def test_a_password_on_the_command_line(self) -> None:
        """Which everybody on the machine can read there."""
        daemon = self.daemon(arguments=["--store", "postgresql://meshd:s3cret@127.0.0.1/meshd"])
        self.check(daemon, "flag --store", "MESHD_STORE_URL", "PGPASSFILE")
        self.assertNotIn("s3cret", daemon.log_text())

    def test_an_unknown_key(self) -> None:
        """Its name, the file and the line; and the key that was perhaps meant."""
        self.check(self.daemon("[timeouts]\nhed = 3\n"), "meshd.toml", "line 2", "hed", "head")

    def test_a_wrong_type(self) -> None:
        """The key and the line."""
        self.check(self.daemon('[timeouts]\nhead = "soon"\n'), "meshd.toml", "line 2", "head")

    def test_an_exit_of_a_kind_that_is_unknown(self) -> None:
        """The kind and the line."""
        self.check(self.daemon('[[exits]]\nname = "x"\nkind = "pigeon"\n'), "meshd.toml", "line 3", "pigeon")

    def test_a_file_that_is_no_toml(self) -> None:
        """The line."""
        daemon = self.daemon()
        assert daemon.config_file is not None
        daemon.config_file.write_text("[timeouts\n")
        self.check(daemon, "meshd.toml", "line 1")

    def test_a_file_that_is_not_there(self) -> None:
        """Its name."""
        self.check(self.daemon(None, arguments=["--config", "missing.toml"]), "missing.toml")

    def test_an_unknown_variable(self) -> None:
        """Its name."""
        self.check(self.daemon(None, environ={"MESHD_TIMEOUTS_HED": "3"}), "MESHD_TIMEOUTS_HED")

    def test_a_listening_port_that_is_in_use(self) -> None:
        """The endpoint as it was written, for the proxy and the API, bare and with an interface."""
        for row, endpoint, which in (
            ("the proxy's", "tcp:{port}", "proxy"),
            ("the API's", "tcp:{port}", "api"),
            ("the proxy's, on one interface", "tcp:{port}:interface=127.0.0.1", "proxy"),
            ("the API's, on one interface", "tcp:{port}:interface=127.0.0.1", "api"),
        ):
            with socket.create_server(("127.0.0.1", 0)) as taken, self.row(row):
                wanted = endpoint.format(port=taken.getsockname()[1])
                self.check(self.daemon(f'[{which}]\nlisten = ["{wanted}"]\n'), wanted, "in use")

    def test_one_port_for_two(self) -> None:
        """The proxy and the API want the same."""
        port = free_port()
        config = f'[proxy]\nlisten = ["tcp:{port}"]\n[api]\nlisten = ["tcp:{port}"]\n'
        self.check(self.daemon(config), f"tcp:{port}")

    def test_an_address_that_is_not_this_machines(self) -> None:
        """The endpoint."""
        endpoint = f"tcp:{free_port()}:interface=192.0.2.1"
        self.check(self.daemon(f'[proxy]\nlisten = ["{endpoint}"]\n'), endpoint)

    def test_an_endpoint_that_is_none(self) -> None:
        """The text, whatever is wrong with it."""
        for row, endpoint in (
            ("an unknown type", "tcq:31280"),
            ("a socket that systemd has not opened", "systemd:domain=INET:index=0"),
            ("a family that there is not", "systemd:domain=FOO:index=0"),
            ("an unknown option", "tcp:31280:colour=red"),
        ):
            with self.row(row):
                self.check(self.daemon(f'[proxy]\nlisten = ["{endpoint}"]\n'), endpoint)

    def test_a_key_that_cannot_be_used(self) -> None:
        """The key's name, whatever is wrong with it."""
        certificate = self.folder / "own.pem"
        authority().ca.cert_pem.write_to_path(str(certificate))
        key = self.folder / "own.key"

        def write(text: bytes, mode: int = 0o600) -> Callable[[], None]:
            def act() -> None:
                key.write_bytes(text)
                key.chmod(mode)

            return act

        good = authority().ca.private_key_pem.bytes()
        for row, act in (
            ("not there", lambda: None),
            ("another certificate's", write(_other_key())),
            ("open to others", write(good, 0o644)),
        ):
            with self.row(row):
                act()
                self.check(self.daemon('[api]\ncertificate = "own.pem"\nkey = "own.key"\n'), "own.key")

    def test_a_store_that_is_of_a_newer_meshd(self) -> None:
        """It is left alone."""
        daemon = self.daemon()
        daemon.start()
        daemon.terminate()
        path = daemon.data_dir / "meshd.sqlite3"
        with contextlib.closing(sqlite3.connect(path)) as database, database:
            database.execute("insert into schema_migrations values (9999, '9999_later.sql', 'x', 0)")
        self.check(daemon, "newer", "9999")

    def test_a_store_that_is_none(self) -> None:
        """The file's name."""
        (self.folder / "store.sqlite3").write_bytes(b"this is no database" * 100)
        self.check(self.daemon('[store]\nurl = "sqlite:///store.sqlite3"\n'), "store.sqlite3")

    def test_a_data_folder_that_is_in_use(self) -> None:
        """The folder and the process; the daemon that uses it does not notice."""
        first = LiveDaemon(self)
        first.account("anna", password="secret")
        second = LiveDaemon(self, folder=first.folder, start=False)
        status, said = second.failed_start()
        self.assertEqual((status, len(said.splitlines())), (1, 1), said)
        self.assertIn(str(first.data_dir), said)
        self.assertIn(str(first.pid), said)
        self.assertEqual(Raw(self, first.proxy_port).get("http://meshd.internal/", basic("anna", "secret")), 200)
        self.assertIn("reloaded", first.reload(""))
        self.assertEqual(first.terminate(), 0)

    def test_a_data_folder_that_is_a_file(self) -> None:
        """Its name."""
        (self.folder / "meshd-data").write_text("mine")
        self.check(self.daemon(), "meshd-data")

    def test_postgresql_is_away(self) -> None:
        """On a port where nobody listens; the password of the URL is not shown."""
        port = free_port()
        url = f"postgresql://meshd:s3cret-of-it@127.0.0.1:{port}/meshd"
        daemon = self.daemon(store=url)
        self.check(daemon, "127.0.0.1", str(port))
        self.assertNotIn("s3cret-of-it", daemon.log_text())

    def test_postgresql_has_no_such_database(self) -> None:
        """Its name."""
        self.check(self.daemon(store=postgres.server().url("nowhere", tcp=True)), "nowhere")

    @contextlib.contextmanager
    def row(self, words: str) -> Iterator[None]:
        """What fails inside says which row it was."""
        try:
            yield
        except BaseException as error:
            error.add_note(f"the row: {words}")
            raise


class OddFolderTests(SynchronousTestCase):
    def test_a_folder_whose_name_means_something_in_a_url(self) -> None:
        """All is in it, and the daemon and the command find it again."""
        for name in ("%41", "a?b#c", "a b"):
            parent = Path(tempfile.mkdtemp(prefix="meshd-odd-", dir="/tmp"))
            self.addCleanup(shutil.rmtree, parent)
            (parent / name).mkdir()
            daemon = LiveDaemon(self, folder=parent / name)
            self.assertIn("meshd.sqlite3", os.listdir(daemon.data_dir))
            daemon.account("anna", password="secret")
            daemon.restart()
            self.assertEqual(Raw(self, daemon.proxy_port).get("http://meshd.internal/", basic("anna", "secret")), 200)
            self.assertEqual(daemon.terminate(), 0)
            self.assertEqual(os.listdir(parent), [name])
            self.assertEqual(sorted(os.listdir(parent / name)), ["meshd-data", "meshd.toml"])


class GoodAfterBadTests(SynchronousTestCase):
    def test_a_start_that_was_refused_does_not_spoil_the_next(self) -> None:
        """The port becomes free: the first start that works makes the account and prints its password."""
        daemon = LiveDaemon(self, start=False)
        with socket.create_server(("127.0.0.1", daemon.proxy_port)):
            self.assertEqual(daemon.failed_start()[0], 1)
        daemon.start()
        self.check_carries(daemon)

    def test_a_fresh_postgresql_database_is_all_it_takes(self) -> None:
        """The same first start, and a second one on the same database."""
        daemon = LiveDaemon(self, store=postgres_url(self))
        self.check_carries(daemon)
        daemon.restart()
        self.check_carries(daemon)
        self.assertEqual(daemon.terminate(), 0)
        booked = sum(line["up"] + line["down"] for line in daemon.exchanges())
        self.assertEqual(daemon.totals(), {"admin": booked})

    def check_carries(self, daemon: LiveDaemon) -> None:
        self.assertTrue(daemon.root_password)
        origin = RecordingOrigin(self)
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(), basic("admin", daemon.root_password)), 200)


def _other_key() -> bytes:
    import trustme

    return trustme.CA().private_key_pem.bytes()
