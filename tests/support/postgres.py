"""A PostgreSQL server for the tests, from the machine's binaries, in a folder that goes with the test process.

One server for the whole run, made when it is first asked for; an empty database for each test.
"""

from __future__ import annotations

import atexit
import glob
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from functools import cache, cached_property
from itertools import count
from typing import Any
from unittest import SkipTest

import psycopg2

from tests.support.daemon import free_port

_STARTING = 60.0


def binaries() -> str:
    """The folder of initdb and postgres; "" when this machine has none."""
    folders = sorted(glob.glob("/usr/lib/postgresql/*/bin"), key=lambda path: int(path.split("/")[-2]), reverse=True)
    for folder in [*folders, *os.environ.get("PATH", "").split(os.pathsep)]:
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres")):
            return os.path.realpath(folder)
    return ""


class Server:
    """A server on a socket in its folder and on a loopback port; `stop` and `start` make an outage."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._binaries = binaries()
        self._data = os.path.join(folder, "data")
        self._process: subprocess.Popen[bytes] | None = None
        self._numbers = count(1)
        self._free: list[str] = []

    def create(self) -> None:
        """Make its data folder."""
        os.chmod(self.folder, 0o755)
        if os.geteuid() == 0:
            os.chown(self.folder, self._user.pw_uid, self._user.pw_gid)
        self._call("initdb", "-D", self._data, "-U", "meshd", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")

    def start(self) -> None:
        """Returns when it takes connections."""
        settings = {
            "port": str(self.port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "16MB",
            "max_connections": "60",
            "log_min_messages": "fatal",
        }
        options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        with open(os.path.join(self.folder, "log"), "ab") as log:
            self._process = subprocess.Popen(
                [os.path.join(self._binaries, "postgres"), "-D", self._data, *options],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                **self._as_user,
            )
        self._await_connections()

    def stop(self, *, crash: bool = False) -> None:
        """End all connections, politely or as a crash does; without effect on a stopped one."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT if crash else signal.SIGINT)
            process.wait(_STARTING)

    def close(self) -> None:
        """For good."""
        self.stop(crash=True)
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The name of an empty one."""
        if self._free:
            return self._free.pop()
        name = f"test_{next(self._numbers)}"
        self.sql(f"create database {name}")
        return name

    def copy_of(self, database: str) -> str:
        """The name of a new one with all that is in another, which nobody is connected to."""
        name = f"test_{next(self._numbers)}"
        how = "strategy file_copy" if self._writes_log else ""
        self.sql(f"create database {name} template {database} {how}")
        return name

    def drop(self, database: str) -> None:
        """Cut off whatever is still connected; gone with all that is in it."""
        if not self.running:
            self.start()
        self.sql(f"drop database {database} with (force)")

    @cached_property
    def _writes_log(self) -> bool:
        """Whether copies go by way of the log unless another way is asked for, as since 15: twice as slow."""
        ((number,),) = self.sql("show server_version_num")
        return int(str(number)) >= 150000

    def give_back(self, database: str) -> None:
        """Cut off whatever is still connected and empty it for the next test: ten times as fast as a new one."""
        if not self.running:
            self.start()
        self.sql(f"select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{database}'")
        self.sql("drop schema public cascade; create schema public", database)
        self._free.append(database)

    def url(self, database: str, *, tcp: bool = False) -> str:
        if tcp:
            return f"postgresql://meshd@127.0.0.1:{self.port}/{database}"
        return f"postgresql://meshd@/{database}?host={self.folder}&port={self.port}"

    def sql(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """One statement over a connection of its own."""
        connection = psycopg2.connect(host=self.folder, port=self.port, user="meshd", dbname=database)
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    @property
    def running(self) -> bool:
        return self._process is not None

    @property
    def _user(self) -> pwd.struct_passwd:
        return pwd.getpwnam("postgres")

    @property
    def _as_user(self) -> dict[str, Any]:
        """PostgreSQL refuses to run as root."""
        if os.geteuid():
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}

    def _call(self, name: str, *arguments: str) -> None:
        subprocess.run(
            [os.path.join(self._binaries, name), *arguments],
            check=True,
            capture_output=True,
            cwd=self.folder,
            **self._as_user,
            timeout=60,
        )

    def _await_connections(self) -> None:
        until = time.monotonic() + _STARTING
        while True:
            try:
                self.sql("select 1")
            except psycopg2.OperationalError:
                assert self._process is not None
                if time.monotonic() > until or self._process.poll() is not None:
                    raise
                time.sleep(0.02)
            else:
                return


@cache
def _shared() -> Server:
    server = Server(tempfile.mkdtemp(prefix="meshd-postgres-", dir="/tmp"))
    atexit.register(server.close)
    server.create()
    server.start()
    return server


def server() -> Server:
    """The one of this process, running.  SkipTest where the machine has no PostgreSQL."""
    if not binaries():
        raise SkipTest("this machine has no PostgreSQL server (initdb, postgres)")
    return _shared()
