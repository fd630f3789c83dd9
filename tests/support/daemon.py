"""A real `twistd --nodaemon meshd`, in a process and a folder of its own, on ports that nobody else uses.

What a test says in TOML is completed with ports, a store and rules that suit a test; what it does say, stands.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import inspect
import io
import json
import os
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from errno import EADDRINUSE
from pathlib import Path
from typing import Any, TypeVar

from meshd.store.open import BlockingStore
from meshd.store.unit import Statement, Unit
from tests.support.nursery import Child, Nursery

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]

RUN = (sys.executable, "-c", "from twisted.scripts.twistd import run; run()")
"""As the `twistd` script has it, for the interpreter that runs the tests."""
TWISTD = (*RUN, "--nodaemon", "--pidfile=")
"""Without a file of its own in the folder."""

UP = re.compile(r"API on \S+ listens")
STARTING = 90.0
STOPPING = 90.0
PATIENCE = 60.0
"""Seconds after which what has not happened never will, however busy the machine is."""

TRIES = 10_000
"""Ports that are looked at for a free one."""

WORKERS = os.environ.get("WORKERS", "")
"""How many workers daemons of the tests have that do not say themselves."""

LOOPBACK = '["127.0.0.0/8", "::1/128"]'

_cli_lock = threading.Lock()
_nursery = Nursery()
_draw = random.SystemRandom()
_drawn: set[int] = set()
_claims = os.open(f"/tmp/meshd-tests-ports-{os.getuid()}", os.O_RDWR | os.O_CREAT, 0o600)
"""A file in which each process locks its ports; to close another descriptor of it would end the locks.  It is open from
the beginning, as some tests count their process's descriptors.
"""


class StartError(AssertionError):
    """The daemon ended, or did not say that it listens."""


class CommandError(Exception):
    """A command that refused: its status, and what it said."""

    def __init__(self, status: int, out: str, err: str) -> None:
        super().__init__(f"exit {status}: {err.strip()}")
        self.status, self.out, self.err = status, out, err


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """On all addresses, and nobody else's for as long as this process lives.  Below the range that the kernel takes
    clients' ports from, and those of listeners that ask for any, so that it is still free after a restart, or once a
    test has begun its servers.  Raises: OSError where none is left.
    """
    for _ in range(TRIES):
        port = _draw.randrange(10_000, 32_000)
        if port in _drawn or not _claimed(port):
            continue
        with socket.socket(socket.AF_INET6, kind) as probe, contextlib.suppress(OSError):
            probe.bind(("::", port))
            _drawn.add(port)
            return port
    raise OSError(EADDRINUSE, f"{len(_drawn)} ports are drawn, and {TRIES} others were somebody's")


def _claimed(port: int) -> bool:
    """Whether no other process of the tests had that port before: of the one file, each has locked the bytes at its
    own ports, which the kernel ends with the process.
    """
    try:
        fcntl.lockf(_claims, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


def until(condition: Callable[[], T], what: str = "", deadline: float = PATIENCE) -> T:
    """The first true value of condition.  AssertionError when none comes in time."""
    end = time.monotonic() + deadline
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline} s: {what or condition} (last: {found!r})")
        time.sleep(0.01)


def completed(text: str, defaults: Mapping[str, Mapping[str, str]]) -> str:
    """The TOML text with those defaults (section, key, value as TOML) that it does not give itself.

    They stand at the end of their section, so that the lines of the text's first section keep their numbers.
    """
    given = tomllib.loads(text)
    for section, keys in defaults.items():
        missing = "".join(f"{key} = {value}\n" for key, value in keys.items() if key not in given.get(section, {}))
        found = re.search(rf"^\[{section}\][^\n]*\n?(?:(?!\[)[^\n]*\n?)*", text, re.MULTILINE)
        if found:
            text = f"{text[: found.end()].rstrip()}\n{missing}{text[found.end() :]}"
        elif missing:
            text = f"{text.rstrip()}\n[{section}]\n{missing}"
    return text.lstrip()


def beside(module: str, *words: str) -> subprocess.Popen[str]:
    """A module of the tests that runs in a process of its own until its standard input ends, and says where it is."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *words],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def end_with_input(child: subprocess.Popen[str]) -> None:
    """One that ends when its standard input does."""
    with child:
        assert child.stdin is not None
        child.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(5)
            return
        child.kill()


def at_end_of(owner: Any, close: Callable[[], None]) -> None:
    """Call close after the test that owns it, or after the last test of the class that does."""
    getattr(owner, "addClassCleanup" if inspect.isclass(owner) else "addCleanup")(close)


class LiveDaemon:
    """Started by the constructor (unless start is false), gone with the test or class that owns it.

    owner: a test (gone after it), a TestCase class (after its last test), or None: then `close` is yours to call.
    config: TOML; the ports, the store, destinations and rates are added where it is silent.  None: no file, flags only.
    store: "" for the SQLite file in the data folder, or a URL.
    wrap: words put before the command, such as ("prlimit", "--nofile=256").
    tree: a folder with another tree of meshd, whose daemon and command these are; "" for this one.
    """

    def __init__(
        self,
        owner: Any = None,
        config: str | None = "",
        *,
        store: str = "",
        folder: Path | str | None = None,
        arguments: Sequence[str] = (),
        environ: Mapping[str, str] | None = None,
        wrap: Sequence[str] = (),
        tree: str = "",
        start: bool = True,
    ) -> None:
        self.folder = Path(folder or tempfile.mkdtemp(prefix="meshd-live-", dir="/tmp"))
        self._own_folder = folder is None
        self.proxy_port, self.api_port = free_port(), free_port()
        self.root_password = ""
        self.arguments = list(arguments)
        self.environ = {**clean_environment(), **({"PYTHONPATH": tree} if tree else {}), **(environ or {})}
        self.passed_on: Sequence[int] = ()
        """Descriptors that the daemon is started with, beside the usual ones."""
        self._tree = tree
        self._wrap = list(wrap)
        self._store = store
        # Where nobody owns it, it may be measured: then it shares nothing with others.
        self._plain = owner is not None and not (tree or environ)
        self._process: subprocess.Popen[str] | Child | None = None
        self._readers: list[threading.Thread] = []
        self._lines: list[str] = []
        self._errors: list[str] = []
        self._news = threading.Condition()
        self.config_file: Path | None = None
        if config is not None:
            self.configure(config)
        if owner is not None:
            at_end_of(owner, self.close)
        atexit.register(self.close)
        if start:
            self.start()

    # Where it is

    @property
    def data_dir(self) -> Path:
        return self.folder / "meshd-data"

    @property
    def store_url(self) -> str:
        return self._store or f"sqlite:///{self.data_dir}/meshd.sqlite3"

    @property
    def proxy(self) -> str:
        """host:port"""
        return f"127.0.0.1:{self.proxy_port}"

    @property
    def api(self) -> str:
        """The URL, without a slash at its end."""
        return f"https://127.0.0.1:{self.api_port}"

    @property
    def certificate(self) -> Path:
        """What a client of the API has to trust."""
        return self.data_dir / "cert.pem"

    @property
    def pid(self) -> int:
        assert self._process is not None, "not running"
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def command(self) -> list[str]:
        flags = ["--data-dir", str(self.data_dir)]
        if self.config_file is not None:
            flags += ["--config", str(self.config_file)]
        else:
            flags += ["--proxy", f"tcp:{self.proxy_port}", "--api", f"tcp:{self.api_port}"]
        return [*self._wrap, *TWISTD, "meshd", *flags, *self.arguments]

    def moved_to(self, store: str) -> None:
        """Have `totals` and the like look there from now on; the settings file is not touched."""
        self._store = store

    # Its life

    def configure(self, config: str) -> None:
        """Write the settings file; a running daemon reads it at `reload`."""
        self.config_file = self.folder / "meshd.toml"
        draft = self.folder / "meshd.toml.new"
        draft.touch(mode=0o600)
        draft.write_text(completed(config, self._defaults()))
        draft.replace(self.config_file)  # whole or not at all, for a daemon that reads at that moment

    def _defaults(self) -> dict[str, dict[str, str]]:
        store = {"store": {"url": json.dumps(self._store)}} if self._store else {}
        return store | {
            "proxy": {"listen": f'["tcp:{self.proxy_port}"]'},
            "api": {"listen": f'["tcp:{self.api_port}"]'},
            "destinations": {"allow": LOOPBACK},
            "limits": {"new_tunnels_per_second": "0", "requests_per_second": "0"},
        }

    def start(self) -> None:
        """Returns when it listens.  StartError, with the end of its log."""
        assert not self.running, "runs already"
        self._errors.clear()
        since = len(self._lines)
        forked = self._plain and not self._wrap and type(self) is LiveDaemon
        self._process = process = self._fork() if forked else self._spawn()
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, ()), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, (self._errors,)), daemon=True),
        ]
        for reader in self._readers:
            reader.start()
        try:
            self.wait_for_log(UP, since=since, deadline=STARTING)
        except AssertionError as error:
            status = self.kill() if self.running else process.wait()
            raise StartError(f"{error}; status {status}; its log ends:\n{self._tail(since)}") from None
        said = re.search(r"^root account: admin, password (\S+)", "".join(self._lines[since:]), re.MULTILINE)
        if said:
            self.root_password = said[1]

    def _spawn(self, stderr: int = subprocess.PIPE) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command,
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            errors="replace",
            start_new_session=True,
            pass_fds=self.passed_on,
        )

    def _fork(self) -> Child:
        return _nursery.fork(self.command[len(RUN) :], self.folder, self.environ)

    def failed_start(self) -> tuple[int, str]:
        """Start what cannot start: its exit status and stderr.  AssertionError if it starts."""
        try:
            self.start()
        except StartError:
            assert self._process is not None
            return self._process.returncode, self.stderr_text()
        raise AssertionError(f"it started:\n{self._tail(0)}")

    def terminate(self, deadline: float = STOPPING) -> int:
        """SIGTERM; its exit status."""
        self.signal(signal.SIGTERM)
        return self.wait(deadline)

    def kill(self) -> int:
        """kill -9; its exit status, negative unless it had ended by itself."""
        assert self._process is not None
        self._process.kill()
        return self.wait(STOPPING)

    def wait(self, deadline: float = STOPPING) -> int:
        """Its exit status, once it has one and all that it said has been read."""
        assert self._process is not None
        status = self._process.wait(deadline)
        for reader in self._readers:
            reader.join(STOPPING)
        _close(self._process)
        return status

    def restart(self) -> None:
        """Stop by SIGTERM, where it runs, and start on the same folder and ports."""
        if self.running:
            self.terminate()
        self.start()

    def reload(self, config: str | None = None) -> str:
        """SIGHUP, after writing config where one is given; the line of the log that tells what came of it."""
        if config is not None:
            self.configure(config)
        since = len(self._lines)
        self.signal(signal.SIGHUP)
        return self.wait_for_log(
            re.compile("settings reloaded|settings were not reloaded|reloading failed"), since=since
        )

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def close(self) -> None:
        """End the process, whatever its state, and remove the folder."""
        atexit.unregister(self.close)
        process, self._process = self._process, None
        if process is not None:
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
            process.wait(STOPPING)
            for reader in self._readers:
                reader.join(STOPPING)
            _close(process)
        if self._own_folder:
            shutil.rmtree(self.folder, ignore_errors=True)

    # What it says

    def _read(self, stream: Any, also: Sequence[list[str]]) -> None:
        for line in stream:
            with self._news:
                for lines in (self._lines, *also):
                    lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def log_text(self) -> str:
        """All that it has written, over all its starts: stdout and stderr."""
        with self._news:
            return "".join(self._lines)

    def stderr_text(self) -> str:
        """Of the latest start."""
        with self._news:
            return "".join(self._errors)

    @property
    def log_position(self) -> int:
        """For `since` of wait_for_log."""
        return len(self._lines)

    def log_lines(self, since: int = 0) -> list[str]:
        """After that position."""
        with self._news:
            return self._lines[since:]

    def wait_for_log(self, wanted: str | re.Pattern[str], *, since: int = 0, deadline: float = PATIENCE) -> str:
        """The first line with this in it, after the position since.  AssertionError when it does not come."""
        pattern = re.compile(re.escape(wanted)) if isinstance(wanted, str) else wanted
        end = time.monotonic() + deadline
        with self._news:
            while True:
                for line in self._lines[since:]:
                    if pattern.search(line):
                        return line
                if time.monotonic() > end or not (any(each.is_alive() for each in self._readers)):
                    raise AssertionError(f"the log does not say {pattern.pattern!r}")
                self._news.wait(0.1)

    def _tail(self, since: int) -> str:
        return "".join(self._lines[since:][-25:])

    # Its accounts

    def run_cli(self, *args: str, input: str | None = None) -> tuple[int, str, str]:
        """One `meshd` command on the daemon's folder: status, stdout, stderr.  In this process, for speed."""
        from meshd.cli.main import main

        flags = ["--data-dir", str(self.data_dir)]
        if self.config_file is not None:
            flags += ["--config", str(self.config_file)]
        if self._tree:
            command = [sys.executable, "-c", "import sys; from meshd.cli.main import main; sys.exit(main())"]
            done = subprocess.run(
                [*command, *flags, *args],
                check=False,
                cwd=self.folder,  # not that of whoever measures, which Python would look into first
                env=self.environ,
                input=input,
                capture_output=True,
                text=True,
            )
            return done.returncode, done.stdout, done.stderr
        out, err = io.StringIO(), io.StringIO()
        with _cli_lock:
            stdin, sys.stdin = sys.stdin, io.StringIO(input or "")
            try:
                with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                    status = main([*flags, *args])
            finally:
                sys.stdin = stdin
        return status, out.getvalue(), err.getvalue()

    def cli(self, *args: str, input: str | None = None) -> Any:
        """What `meshd --json …` answers, read; its text where that is no JSON.  CommandError when it refuses."""
        status, out, err = self.run_cli("--json", *args, input=input)
        if status:
            raise CommandError(status, out, err)
        try:
            return json.loads(out)
        except ValueError:
            return out

    def account(self, name: str, password: str = "", **options: object) -> str:
        """Make one, of plan 100 where nothing else is said; its password.

        options: as the command has them, with underscores: parent, plan, role, monthly_limit, total_limit (GB) …
        """
        if "parent" not in options:
            options.setdefault("plan", "100")
        words = [word for key, value in options.items() for word in (f"--{key.replace('_', '-')}", str(value))]
        if password:
            self.cli("account", "create", name, *words, "--password-stdin", input=password + "\n")
            return password
        return str(self.cli("account", "create", name, *words)["password"])

    def token(self, name: str, **options: object) -> str:
        """A new one of this account: the secret."""
        return str(self.new_token(name, **options)["token"])

    def new_token(self, name: str, **options: object) -> dict[str, Any]:
        """The same with its id and all else."""
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        return dict(self.cli("token", "create", name, *words))

    def totals(self) -> dict[str, int]:
        """Bytes of each account in the store now, by its name."""
        store = BlockingStore(self.store_url)
        try:
            return store.run(_totals)
        finally:
            store.close()

    def total(self, name: str) -> int:
        """Bytes of the account in the store now."""
        return self.totals()[name]

    def exchanges(self) -> list[dict[str, Any]]:
        """The lines of the exchange log that are written by now (it is buffered for up to a second)."""
        path = self.data_dir / "exchanges.log"
        if not path.exists():
            return []
        lines = path.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}\n")]  # no torn ones


def _totals() -> Unit[dict[str, int]]:
    rows = yield Statement(
        "select username, coalesce(total_bytes, 0) from accounts left join usage on account_id = accounts.id", {}
    )
    return dict(rows)


def _close(process: subprocess.Popen[str] | Child) -> None:
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def clean_environment() -> dict[str, str]:
    """Without settings or proxies of whoever runs the tests; with this tree's packages.

    What was compiled is kept, whatever the machine says of that: to compile the tree takes a second of each start.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MESHD_") and not name.lower().endswith("_proxy") and name != "PYTHONDONTWRITEBYTECODE"
    }
    paths = [str(ROOT), *filter(None, [kept.get("PYTHONPATH", "")])]
    apart = {"RUNTIME_DIRECTORY": "/nonexistent"}  # nothing is left where the daemons of this machine leave it
    if WORKERS:
        apart["MESHD_WORKERS"] = WORKERS
    return kept | apart | {"PYTHONPATH": os.pathsep.join(paths), "PYTHONUNBUFFERED": "1"}
