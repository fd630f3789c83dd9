"""What there is to say of a proxy of another maker before it runs, and how it is started."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bench.peers import Missing, Proxy, program, started

USERNAME, PASSWORD, WRONG = "us", "s3cret", "wr0ng"
"""What an exit is to be told, where it wants to be told anything."""


class NotHereError(Exception):
    """What a proxy needs is not on this machine."""


@dataclass(frozen=True)
class Site:
    """Where one proxy is started: an empty folder, and which ports its usual rules are to leave open to tunnels."""

    folder: Path
    port: int
    """Where it is to listen, on 127.0.0.1."""
    open_ports: tuple[int, ...]
    """Those that tunnels may go to; no others where its maker has a rule for that."""
    refused: int
    """A port that tunnels may not go to, for those whose rules name such ones."""
    packages: Path
    """Where packages of PyPI and npm are installed."""
    certificate: Path
    """Key and chain of 127.0.0.1 in one file, of an authority that the daemon trusts."""

    def write(self, name: str, text: str) -> str:
        """A file of its folder, which anybody may read: some proxies leave root behind."""
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o644)
        return str(path)

    def run(self, *command: str, needs: str = "", port: int = 0, environ: dict[str, str] | None = None) -> Proxy:
        """Start it, wait until it listens.  needs: the program, if it is not the first word.  Raises: NotHereError"""
        words = list(command)
        try:
            if needs:
                program(needs)
            elif "/" not in words[0]:
                words[0] = program(words[0])
            return started(words, port or self.port, self.folder, environ)
        except Missing as error:
            raise NotHereError(str(error)) from None


Start = Callable[[Site], Proxy]


@dataclass(frozen=True)
class Maker:
    """One row of the table."""

    name: str
    package: str
    """Debian's, PyPI's or npm's, whose version is told."""
    start: Start
    kind: str = "http"
    login: bool = True
    """Whether it is run so that it wants a user name and a password."""
    note: str = ""
    """What no run shows."""
    attributes: str = ""
    """Of its line."""
    credential: tuple[str, str] = field(default=(USERNAME, PASSWORD))

    def line(self, address: str, password: str = "", attributes: str = "") -> str:
        """Of a list of exits.  password: another than the right one."""
        username, right = self.credential
        words = [self.attributes, attributes]
        if self.kind == "https":
            at = f"{username}:{password or right}@" if self.login else ""
            return " ".join(filter(None, [f"https://{at}{address}", *words]))
        login = f":{username}:{password or right}" if self.login else ""
        kind = f"kind={self.kind}" if self.kind != "http" else ""
        return " ".join(filter(None, [address + login, kind, *words]))


def debian_version(package: str) -> str:
    """Raises: NotHereError"""
    words = ["dpkg-query", "-W", "-f=${Version}", package]
    try:
        said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    except FileNotFoundError:
        said = ""
    if not said:
        raise NotHereError(f"no package {package}")
    return said


def htpasswd(site: Site) -> str:
    """A file with the user and the password, as Apache's htpasswd makes it."""
    if shutil.which("openssl") is None:
        raise NotHereError("no program openssl")
    words = ["openssl", "passwd", "-apr1", "-stdin"]
    done = subprocess.run(words, check=True, input=PASSWORD, capture_output=True, text=True, timeout=30)
    return site.write("users", f"{USERNAME}:{done.stdout}")


def both(first: Proxy, second: Proxy) -> Proxy:
    """Two processes of which the second is the one that is talked to."""

    def close() -> None:
        second.close()
        first.close()

    return Proxy(second.pid, second.port, close)
