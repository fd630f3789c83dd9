"""What every measurement stands on: a folder, the compiled load generator, an origin; gone when the block ends."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.load import Load, compile_pload
from bench.peers import Peer, Proxy
from tests.support.daemon import free_port

ADDRESSES = tuple(f"127.0.0.{last}" for last in range(10, 20))
"""The origin has one for each proxy: connections that one has closed then take no ports from the next."""


class Stage:
    """The folder, and where the origin listens."""

    def __init__(self, folder: Path, pload: Path, port: int) -> None:
        self.folder = folder
        self.pload = pload
        self.port = port

    def origin(self, place: int) -> str:
        """The origin at one of its addresses, as host:port."""
        return f"{ADDRESSES[place]}:{self.port}"

    @contextmanager
    def proxy(self, peer: Peer, place: int) -> Iterator[tuple[Proxy, Load]]:
        """A fresh process of it, and the load aimed through it at its own address of the origin."""
        folder = Path(tempfile.mkdtemp(prefix="proxy-", dir=self.folder))
        proxy = peer.start(folder)
        try:
            yield proxy, Load(self.pload, proxy.address, self.origin(place), proxy.header)
        finally:
            proxy.close()
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stage() -> Iterator[Stage]:
    # So that being told to stop leaves no proxy behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    folder = Path(tempfile.mkdtemp(prefix="meshd-bench-"))
    folder.chmod(0o711)  # Squid, started by root, gives that up and must still reach its own folder in here
    port = free_port()
    command = [sys.executable, str(Path(__file__).with_name("origin.py")), str(port), *ADDRESSES]
    try:
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as origin:
            try:
                assert origin.stdout is not None
                if origin.stdout.readline().strip() != "listening":
                    raise RuntimeError("the origin does not listen")
                yield Stage(folder, compile_pload(folder), port)
            finally:
                origin.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
