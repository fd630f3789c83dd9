"""A folder to keep settings files in, and the contract's own example."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree

from twisted.trial.unittest import SynchronousTestCase

from meshd.config import Config, ConfigError, load

EXAMPLE = """\
# meshd.toml, every part optional
[store]
url = "sqlite:///meshd-data/meshd.sqlite3"     # or postgresql://user@host/db
[api]
listen = ["tcp:8443"]
certificate = "cert.pem"
key = "key.pem"
[proxies.us]
listen = ["tcp:31280"]
domain = "us.mesh.example:31280"      # what GET /api/proxies/ says; must be dialable as it stands
exits = { country = ["US"] }          # which exits serve it: by country, by tag, by name
[[exits]]
name = "rack-1"
kind = "local"                        # local | direct | http | https | socks5
address = "198.51.100.7"              # one source address, or an IPv6 prefix
country = "US"
[plans.20]
bearer_tokens = 20
[destinations]
allow = ["10.1.0.0/16", "127.0.0.1:8080"]   # opens ranges, or one address and port, that are refused by default
ports = ["80", "443", "1024-65535"]   # CONNECT and absolute-form alike
deny_ports = ["6660-6669", "6697"]
[timeouts]                            # seconds
head = 10
connect = 10
first_byte = 60
idle = 600
drain = 30
[limits]
tunnels_per_account = 1000
on_limit = "cut"                      # or "finish"
"""


class ConfigTestCase(SynchronousTestCase):
    """Loads settings as if started in an empty folder of its own."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp()).resolve()
        self.addCleanup(rmtree, self.folder)

    def write(self, name: str, text: str | bytes = b"", mode: int = 0o600) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        os.chmod(path, mode)
        return path

    def load(
        self, text: str | bytes | None = None, flags: Mapping[str, object] = {}, environ: Mapping[str, str] = {}
    ) -> Config:
        """With meshd.toml in that folder, where a text is given."""
        if text is not None:
            self.write("meshd.toml", text)
            flags = {"config": "meshd.toml", **flags}
        return load(flags, environ, cwd=self.folder)

    def refusal(
        self, text: str | bytes | None = None, flags: Mapping[str, object] = {}, environ: Mapping[str, str] = {}
    ) -> str:
        """The one line that says why not."""
        error = self.assertRaises(ConfigError, self.load, text, flags, environ)
        self.assertTrue(str(error).isprintable(), str(error))
        return str(error)
