"""A PgBouncer before the tests' PostgreSQL server, from the machine's binary, gone with the test that owns it."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Literal
from unittest import SkipTest

from tests.support.daemon import free_port
from tests.support.postgres import Server

Mode = Literal["session", "transaction", "statement"]

_STARTING = 60.0


def program() -> str:
    """Its path; "" when this machine has none."""
    return shutil.which("pgbouncer", path=os.environ.get("PATH", "") + os.pathsep + "/usr/sbin") or ""


class PgBouncer:
    """Started by the constructor.  SkipTest where the machine has none."""

    def __init__(self, owner: Any, server: Server, mode: Mode, **settings: object) -> None:
        if not program():
            raise SkipTest("this machine has no pgbouncer")
        self.folder = Path(tempfile.mkdtemp(prefix="meshd-pgbouncer-", dir="/tmp"))
        owner.addCleanup(shutil.rmtree, self.folder)
        self.port = free_port()
        self._server = server
        self._write(mode, settings)
        self._process: subprocess.Popen[bytes] | None = None
        owner.addCleanup(self.stop)
        self.start()

    def url(self, database: str) -> str:
        return f"postgresql://meshd@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self.folder / "said").open("ab") as said:
            self._process = subprocess.Popen(
                [program(), str(self.folder / "pgbouncer.ini")],
                stdout=said,
                stderr=said,
                cwd=self.folder,
                **_somebody(),
            )
        until = time.monotonic() + _STARTING
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                if self._process.poll() is not None or time.monotonic() > until:
                    raise AssertionError((self.folder / "said").read_text()) from None
                time.sleep(0.02)
            else:
                return

    def stop(self) -> None:
        """At once; without effect on a stopped one."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGTERM)
            process.wait(_STARTING)

    def freeze(self) -> None:
        """It answers nothing any more, and closes nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def _write(self, mode: Mode, settings: dict[str, object]) -> None:
        lines = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": mode,
            "server_login_retry": 1,
            **settings,
        }
        text = f"[databases]\n* = host={self._server.folder} port={self._server.port} user=meshd\n[pgbouncer]\n"
        (self.folder / "pgbouncer.ini").write_text(
            text + "".join(f"{name} = {value}\n" for name, value in lines.items())
        )
        self.folder.chmod(0o755)


def _somebody() -> dict[str, Any]:
    """It refuses to run as root."""
    if os.geteuid():
        return {}
    user = pwd.getpwnam("postgres")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
