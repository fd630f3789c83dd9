"""Each client, run through a live daemon with each credential: the table in docs/clients.md.

    python -m tools.clients                   # installs, runs, prints the table
    python -m tools.clients --write           # and puts it into docs/clients.md
    python -m tools.clients --in FOLDER       # installs into this folder, and uses what an earlier run left there
    python -m tools.clients curl requests     # these alone, and nothing is written

Libraries come from PyPI and npm, in the versions that are pinned here; programs are those of this machine's Debian.
Origins and proxy are on loopback. What a row says is what was seen in that run, but for its last sentence, where it has one.
"""

from __future__ import annotations

import contextlib
import json
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha1
from http.client import IncompleteRead
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, build_opener

from tests.live.programs import PROGRAMS, Program, Task, missing
from tests.support.daemon import LiveDaemon, clean_environment
from tests.support.origin import Received, RecordingOrigin, Stream, authority

HERE = Path(__file__).parent
MANUAL = HERE.parent / "docs" / "clients.md"
BEGIN, END = "<!-- clients -->\n", "<!-- end of clients -->\n"
AT_ONCE = 5
PATIENCE = 30.0
"""Seconds for one page: more than a client that tries again at once takes, and less than one that does so for ever."""
LATE = 2
"""After so many pages that did not end, a client is not asked any more in that way."""
SHOWN = 110
"""Characters of a refusal that stand in the table."""

CONFIG = "[limits]\nflush_seconds = 0.05\nnames_per_address = 1000\nunauthenticated_per_address = 1000\n"
PASSWORD = "correcthorse"
WRONG = "wronghorse"
WAYS = ("http", "https", "SOCKS5")
REFUSED = {
    "wrong password": ("407", "invalid credentials"),
    "inactive": ("402", "account inactive"),
    "exhausted": ("509", "bandwidth limit exceeded"),
}
"""What the daemon answers to each: status and words."""
CARRIED = ("password", "token as password", "token as name", "sticky key", "selection")

PYTHON = {
    "requests": "2.34.2", "urllib3": "2.8.0", "httpx[socks]": "0.28.1", "aiohttp": "3.14.5", "aiohttp-socks": "0.12.0",
    "pycurl": "7.49.0", "curl_cffi": "0.17.0", "httplib2": "0.32.1", "treq": "26.7.0", "PySocks": "1.7.1",
    "python-socks": "3.2.1", "websocket-client": "1.9.2", "websockets": "17.4", "boto3": "1.44.8",
    "yt-dlp": "2026.10.26", "primp": "2.0.1",
}  # fmt: skip
NODE = {
    "undici": "7.30.2", "axios": "1.21.1", "got": "14.6.6", "hpagent": "1.2.0", "https-proxy-agent": "9.1.0",
    "http-proxy-agent": "9.1.0", "socks-proxy-agent": "10.1.0", "node-fetch": "3.3.2", "needle": "3.5.0", "ws": "8.23.0",
}  # fmt: skip


class NotHereError(Exception):
    """What a client needs is not on this machine."""


@dataclass(frozen=True)
class Library:
    """One that a worker asks."""

    worker: str
    """python or node"""
    name: str


@dataclass(frozen=True)
class Client:
    """One row of the table."""

    name: str
    version: str
    """Of PYTHON or NODE, by the package's name; else the Debian package that has it."""
    credential: str
    ways: Mapping[str, Program | Library]
    """Those that it knows."""
    note: str = ""
    """What no run shows."""
    shows: bool = True
    """Whether it prints the page that it got."""


@dataclass(frozen=True)
class Seen:
    """What came of one page."""

    arrived: bool
    """Whether the origin was asked."""
    text: str
    """What the client printed; without secrets, and without what is another in each run."""
    late: bool = False


Outcome = dict[tuple[str, str], Seen]
"""By way and kind of credential."""


# The table of clients


def program(
    name: str,
    package: str,
    credential: str,
    by: str,
    socks: Program | None = None,
    note: str = "",
    *,
    both: bool = False,
) -> Client:
    """One of tests/live/programs.py.

    both: whether it is asked for https too, which is not so there.
    """
    called = replace(PROGRAMS[by], schemes=("http", "https")) if both else PROGRAMS[by]
    ways: dict[str, Program | Library] = dict.fromkeys(called.schemes, called)
    if socks is not None:
        ways["SOCKS5"] = socks
    return Client(name, package, credential, ways, note, shows=name != "git")


def library(
    name: str, package: str, credential: str, ways: str = "http https", note: str = "", *, fetcher: str = ""
) -> Client:
    """One of a worker's."""
    worker = "node" if package in NODE else "python"
    return Client(name, package, credential, dict.fromkeys(ways.split(), Library(worker, fetcher or name)), note)


def _socks_url(task: Task) -> str:
    return task.link.replace("http:", "socks5h:")


TUNNEL = "It makes a tunnel only: for https speak TLS in it"
URL = "in the proxy's URL"

GIT_SOCKS = Program(
    "git", lambda t: ["git", "-c", f"http.proxy={_socks_url(t)}", "ls-remote", t.url.replace("/echo", "/repository")],
    environment=lambda t: {"GIT_SSL_CAINFO": authority().file},
)  # fmt: skip
NCAT_SOCKS = Program(
    "ncat", lambda t: ["ncat", "--proxy", t.proxy, "--proxy-type", "socks5", "--proxy-auth", t.raw, *t.origin.split(":")],
    ("http",), talks=True,
)  # fmt: skip


def _apt_socks(task: Task) -> Sequence[str]:
    return [_socks_url(task) if word == task.link else word for word in PROGRAMS["apt-helper"].command(task)]


def _chained(task: Task) -> Sequence[str]:
    host, port = task.address
    line = f"strict_chain\nproxy_dns\n[ProxyList]\nsocks5 {host} {port} {task.username} {task.password}\n"
    return ["proxychains4", "-f", task.file("chain", line), "curl", "-sS", "--cacert", authority().file, task.url]


CLIENTS = (
    program("curl", "curl", "`-U name:password`", "curl, by its option", PROGRAMS["curl by SOCKS5"]),
    program("wget", "wget", f"{URL} (`http_proxy`), or `--proxy-user`, `--proxy-password`", "wget, from the environment"),
    program("git", "git", f"{URL} (`http.proxy`)", "git", GIT_SOCKS),
    program("apt", "apt", f"{URL} (`Acquire::http::Proxy`)", "apt-helper", Program("/usr/lib/apt/apt-helper", _apt_socks)),
    program("aria2c", "aria2", f"{URL} (`--all-proxy`)", "aria2c"),
    program("axel", "axel", f"{URL} (`http_proxy`)", "axel", note="For https it asks the proxy for `GET https://…`", both=True),
    program("lftp", "lftp", f"{URL} (`http_proxy`)", "lftp"),
    program("lynx", "lynx", "`-pauth=name:password`; not in the URL", "lynx", note="https is not run"),
    program("w3m", "w3m", f"{URL} (`http_proxy`)", "w3m", note="https is not run"),
    program("ffmpeg", "ffmpeg", f"{URL} (`-http_proxy`)", "ffmpeg", both=True),
    program("socat", "socat", "`PROXY:…,proxyauth=name:password`", "socat", note=TUNNEL),
    program("ncat", "ncat", "`--proxy-auth name:password`", "ncat", NCAT_SOCKS, TUNNEL),
    program("proxytunnel", "proxytunnel", "`-P name:password`", "proxytunnel", note=TUNNEL + "; it says nothing without `-v`"),
    program("corkscrew", "corkscrew", "`name:password` in a file", "corkscrew", note=TUNNEL),
    program("connect-proxy", "connect-proxy", "name in `-H name@host:port`, `HTTP_PROXY_PASSWORD`", "connect-proxy", note=TUNNEL),
    program("openssl s_client", "openssl", "`-proxy_user`, `-proxy_pass pass:…`", "openssl s_client"),
    Client("proxychains4", "proxychains4", "in its list: `socks5 host port name password`",
           {"SOCKS5": Program("proxychains4", _chained)}, "No blanks in a password. Run with curl"),
    program("Ruby's Net::HTTP", "ruby", "`Net::HTTP.new(host, port, proxy, port, name, password)`", "Ruby's Net::HTTP"),
    program("PHP's streams", "php-cli", "a header of the context, made by hand", "PHP's streams"),
    program("Perl's LWP", "libwww-perl", f"{URL} (`$ua->proxy`)", "LWP"),
    program("Go's net/http", "golang-go", f"{URL} (`HTTP_PROXY`)", "Go's net/http", both=True),
    program("Java's HttpURLConnection", "default-jdk-headless", "`Authenticator`", "Java's HttpURLConnection",
            note="https is not run, and needs `-Djdk.http.auth.tunneling.disabledSchemes=`"),
    program("Node's http", "nodejs", "a header, made by hand", "Node's http"),
    library("requests", "requests", f"{URL} (`proxies`)", "http https SOCKS5"),
    library("urllib3", "urllib3", "`make_headers(proxy_basic_auth=…)`; by SOCKS in the URL", "http https SOCKS5"),
    library("urllib.request", "", f"{URL} (`ProxyHandler`)", fetcher="urllib"),
    library("httpx", "httpx[socks]", f"{URL} (`proxy`)", "http https SOCKS5"),
    library("aiohttp, aiohttp-socks", "aiohttp", f"{URL} (`proxy`; `ProxyConnector`)", "http https SOCKS5", "What it says holds the password: do not log it as it stands", fetcher="aiohttp"),
    library("pycurl", "pycurl", "`PROXYUSERNAME`, `PROXYPASSWORD`", "http https SOCKS5"),
    library("curl_cffi", "curl_cffi", f"{URL} (`proxy`)", "http https SOCKS5"),
    library("httplib2", "httplib2", "`ProxyInfo(…, proxy_user, proxy_pass)`", "http https SOCKS5"),
    library("treq by ProxyAgent", "treq", "a header, made by hand", fetcher="treq", note="For https it asks the proxy for `GET https://…`"),
    library("PySocks", "PySocks", "`set_proxy(…, username, password)`", "http https SOCKS5", fetcher="pysocks"),
    library("python-socks", "python-socks", URL, "http https SOCKS5", fetcher="python_socks"),
    library("websocket-client", "websocket-client", "`http_proxy_auth=(name, password)`", "http https SOCKS5", fetcher="websocket"),
    library("websockets", "websockets", f"{URL} (`proxy`)"),
    library("boto3", "boto3", f"{URL} (`Config(proxies=…)`)"),
    library("yt-dlp", "yt-dlp", f"{URL} (`--proxy`)", "http https SOCKS5", fetcher="ytdlp"),
    library("primp", "primp", f"{URL} (`proxy`)", "http https SOCKS5"),
    library("undici's fetch", "undici", f"{URL} (`ProxyAgent`)", fetcher="undici"),
    library("axios", "axios", "`proxy.auth`"),
    library("got by hpagent", "got", f"{URL} (`proxy`)", fetcher="got"),
    library("http- and https-proxy-agent", "https-proxy-agent", URL, fetcher="https-proxy-agent"),
    library("socks-proxy-agent", "socks-proxy-agent", URL, "SOCKS5"),
    library("node-fetch by https-proxy-agent", "node-fetch", f"{URL} (`agent`)", fetcher="node-fetch"),
    library("needle", "needle", f"{URL} (`proxy`)", note="For https it asks the proxy for `GET https://…`"),
    library("ws by agents", "ws", f"{URL} (`agent`)", "http https SOCKS5", fetcher="ws"),
)  # fmt: skip


# What is installed


@dataclass(frozen=True)
class Place:
    """Where libraries are installed."""

    folder: Path

    @property
    def python(self) -> str:
        return str(self.folder / "python" / "bin" / "python")

    def install(self) -> None:
        """What is not there yet.  Raises: subprocess.CalledProcessError"""
        python, node, told = self.folder / "python", self.folder / "node", sys.stderr
        if not (python / "done").exists():
            subprocess.run([sys.executable, "-m", "venv", str(python)], check=True)
            wanted = [f"{name}=={version}" for name, version in PYTHON.items()]
            subprocess.run([self.python, "-m", "pip", "install", "-q", *wanted], check=True, stdout=told)
            (python / "done").touch()
        if shutil.which("npm") and not (node / "done").exists():
            node.mkdir(exist_ok=True)
            wanted = [f"{name}@{version}" for name, version in NODE.items()]
            command = ["npm", "install", "--no-audit", "--no-fund", "--save-exact", *wanted]
            subprocess.run(command, cwd=node, check=True, stdout=told)
            (node / "done").touch()
        if node.exists():
            shutil.copy(HERE / "clients_node.mjs", node)

    def command(self, library: Library) -> list[str]:
        """Raises: NotHereError"""
        if library.worker == "python":
            return [self.python, str(HERE / "clients_python.py"), library.name]
        if not shutil.which("node"):
            raise NotHereError("no program node")
        return ["node", str(self.folder / "node" / "clients_node.mjs"), library.name]


def version(client: Client) -> str:
    """Raises: NotHereError"""
    pinned = PYTHON | NODE
    if client.version in pinned:
        return pinned[client.version]
    if not client.version:
        return f"Python {sys.version.split()[0]}"
    for each in client.ways.values():
        if isinstance(each, Program) and missing(each):
            raise NotHereError(f"no program {each.needs}")
    words = ["dpkg-query", "-W", "-f=${Version}", client.version]
    said = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    return said or "unknown"


# Where it is run


class Origin(RecordingOrigin):
    """One that WebSocket clients take for one of theirs, and that ends a connection where it is asked to.

    Some clients wait for that end, whatever the length.
    """

    async def _answer(self, request: Received, stream: Stream, writer: Any) -> bool:
        key = request.field("sec-websocket-key")
        if key is None:
            goes_on = await super()._answer(request, stream, writer)
            return goes_on and (request.field("connection") or "").lower() != "close"
        accept = b64encode(sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        writer.write(head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
        await stream.some()
        return False


class Worker:
    """A process that asks one library, page after page; a new one where a page did not end."""

    def __init__(self, command: Sequence[str], folder: str) -> None:
        self._command, self._folder = command, folder
        self._process: subprocess.Popen[str] | None = None

    def ask(self, task: Task, link: str) -> str:
        """What it prints.  Raises: TimeoutError"""
        process = self._process = self._process or self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        host, port = task.address
        line = {"url": task.url, "link": link, "host": host, "port": port, "ca": authority().file}
        line |= {"username": task.username, "password": task.password}
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
        if not select.select([process.stdout], [], [], PATIENCE)[0]:
            self.close()
            raise TimeoutError
        said = process.stdout.readline()
        if not said:
            self.close()
            return "it ended without a word"
        return str(json.loads(said))

    def _started(self) -> subprocess.Popen[str]:
        env = {name: value for name, value in clean_environment().items() if name != "PYTHONPATH"}
        return subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env=env | {"NODE_EXTRA_CA_CERTS": authority().file}, cwd=self._folder,
        )  # fmt: skip

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


class World:
    """The daemon and its accounts."""

    def __init__(self) -> None:
        authority()  # made by one thread, before there are several
        self.daemon = LiveDaemon(config=CONFIG)
        for name in ("tokens", "inactive", "exhausted"):
            self.daemon.account(name, PASSWORD)
        self.token = self.daemon.token("tokens")
        self.daemon.cli("account", "deactivate", "inactive")
        self.daemon.cli("account", "set", "exhausted", "--total-limit", "0.000001")
        self._exhaust("exhausted")

    def _exhaust(self, name: str) -> None:
        """By a page that is larger than what the account has left."""
        origin = Origin()
        opener = build_opener(ProxyHandler({"http": f"http://{name}:{PASSWORD}@{self.daemon.proxy}"}))
        with contextlib.suppress(IncompleteRead, OSError):
            opener.open(origin.url("/bytes/5000"), timeout=PATIENCE).read()
        origin.close()

    def credential(self, kind: str, account: str) -> tuple[str, str]:
        """User name and password; the account is the client's own in this way."""
        return {
            "password": (account, PASSWORD),
            "token as password": ("x", self.token),
            "token as name": (self.token, ""),
            "sticky key": (account, f"key1:{PASSWORD}"),
            "selection": (f"{account}-session-key1", PASSWORD),
            "wrong password": (account, WRONG),
            "inactive": ("inactive", PASSWORD),
            "exhausted": ("exhausted", PASSWORD),
        }[kind]


def run(client: Client, number: int, place: Place, world: World) -> Outcome:
    """Every way and credential; refusals first, so that one ban would show in what follows.  Raises: NotHereError"""
    outcome: Outcome = {}
    origins = {"http": Origin(), "https": Origin(tls=True)}
    workers: dict[str, Worker] = {}
    with folder() as at:
        try:
            for way, by in client.ways.items():
                account = f"client{number}{way.lower()}"
                world.daemon.account(account, PASSWORD)
                if isinstance(by, Library) and by.name not in workers:
                    workers[by.name] = Worker(place.command(by), str(at))
                late = 0
                plain = way == "http" or (isinstance(by, Program) and by.schemes == ("http",))
                origin = origins["http" if plain else "https"]
                for kind in (*REFUSED, *CARRIED):
                    task = Task(origin.url("/echo"), world.daemon.proxy, *world.credential(kind, account), str(at))
                    seen = Seen(False, "", True)
                    if late < LATE:
                        seen = asked(by, task, way, origin, workers)
                    late += seen.late
                    outcome[way, kind] = seen
        finally:
            for worker in workers.values():
                worker.close()
            for each in origins.values():
                each.close()
    return outcome


def asked(by: Program | Library, task: Task, way: str, origin: Origin, workers: Mapping[str, Worker]) -> Seen:
    """One page."""
    origin.forget()
    Path(task.folder, "got").unlink(missing_ok=True)  # of the page before
    link = task.link.replace("http:", "socks5h:") if way == "SOCKS5" else task.link
    try:
        text = workers[by.name].ask(task, link) if isinstance(by, Library) else by.run(task).text
    except (TimeoutError, subprocess.TimeoutExpired):
        return Seen(bool(origin.requests), "", late=True)
    return Seen(bool(origin.requests), steady(text, task))


# What is told of it


def steady(text: str, task: Task) -> str:
    """What a client printed, without secrets and without what is another in each run."""
    pair = b64encode(task.raw.encode()).decode()
    parts = {pair: "…", task.folder: "FOLDER", task.proxy: "proxy:31280", task.origin: "origin"}
    parts |= {each: "PASSWORD" for each in (task.password, task.username) if each.startswith("pm_")}
    parts |= dict.fromkeys((PASSWORD, WRONG), "PASSWORD")
    for old, new in parts.items():
        text = text.replace(old, new)
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    text = re.sub(r"(?:\d{4}[-/]\d\d[-/]\d\d )?\d\d:\d\d:\d\d(?:\.\d+)?", "…", text)
    text = re.sub(r"\[\d{3,}\]", "[…]", text)  # a process's number
    text = re.sub(r"(port\W{1,3})\d{4,5}\b", r"\1…", text)
    text = re.sub(r"\b\d+ ms\b", "… ms", text)
    text = re.sub(r"0x[0-9a-f]{6,}", "0x…", text)
    text = re.sub(r"client\d+(?:https?|socks5)\b", "name", text)
    text = re.sub(r"127\.0\.0\.1|localhost\.?", "host", text)
    text = re.sub(r"\b(host[: ])\d{4,5}\b", r"\1…", text)
    return re.sub(r"https?://[\w.-]+\.[a-z]{2,}[^\s'\")]*", "…", text)  # where to read on


def carried(seen: Seen, client: Client) -> bool:
    """Whether the page came."""
    return seen.arrived and (not client.shows or '"method"' in seen.text or "shaken" in seen.text)


def cell(client: Client, outcome: Outcome, way: str) -> str:
    """Of a way: "yes", or by which credentials it did not work."""
    if way not in client.ways:
        return "-"
    failed = [kind for kind in CARRIED if not carried(outcome[way, kind], client)]
    if len(failed) == len(CARRIED):
        return "**no**"
    return f"**not by {', '.join(failed)}**" if failed else "yes"


def shown(text: str, kind: str) -> str:
    """What of a refusal's status and words the client's own output tells."""
    status, words = REFUSED[kind]
    found = [
        *(["status"] if re.search(rf"\b{status}\b", text) else []),
        *(["words"] if words in text.lower() else []),
    ]
    return " and ".join(found) or "neither"


def telling(text: str, kind: str) -> str:
    """The line that tells most: the first with words or status, else the last that is not blank."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" \t*-=")]
    both = [line for line in lines if shown(line, kind) == "status and words"]
    some = [line for line in lines if shown(line, kind) != "neither"]
    line = next(iter([*both, *some, *lines[-1:]]), "")
    line = re.sub(r"\s+", " ", line).replace("`", "'").replace("|", "\\|")
    return cut(line, kind)


def cut(line: str, kind: str) -> str:
    """What tells most is kept; the line's begin or end may go."""
    if len(line) <= SHOWN:
        return line
    ends = [line.lower().find(each) + len(each) for each in REFUSED[kind] if each in line.lower()]
    end = max([SHOWN - 1, *ends])
    start = max(0, end - SHOWN + 2)
    return ("…" if start else "") + line[start:end] + ("…" if end < len(line) else "")


def quoted(line: str) -> str:
    return f"`{line}`" if line else "nothing"


def refusal(client: Client, outcome: Outcome) -> str:
    """How each way tells a refusal, and the line of a wrong password."""
    told = []
    for way in client.ways:
        if all(outcome[way, kind].late for kind in REFUSED):
            told.append(f"{way}: does not end")
            continue
        line = quoted(telling(outcome[way, "wrong password"].text, "wrong password"))
        seen = {kind: shown(outcome[way, kind].text, kind) for kind in REFUSED}
        if way == "SOCKS5":
            told.append(f"SOCKS5: {line}")
        elif len(set(seen.values())) == 1:
            told.append(f"{way}: {seen['wrong password']}, {line}")
        else:
            told.append(f"{way}: {'; '.join(f'{kind}: {what}' for kind, what in seen.items())}, {line}")
    return "<br>".join(told)


def amiss(client: Client, outcome: Outcome) -> str:
    """What does not work, and what the client said there."""
    told = [client.note] if client.note else []
    for way in client.ways:
        failed = [kind for kind in CARRIED if not carried(outcome[way, kind], client)]
        if failed:
            seen = outcome[way, failed[0]]
            said = "does not end" if seen.late else quoted(telling(seen.text, "wrong password"))
            which = "" if len(failed) == len(CARRIED) else f", {failed[0]}"
            told.append(f"{way}{which}: {said}")
        told += [f"{way}, {kind}: **it passed**" for kind in REFUSED if outcome[way, kind].arrived]
    return "<br>".join(told)


def row(client: Client, number: str, outcome: Outcome) -> str:
    cells = [client.name, number, client.credential, *(cell(client, outcome, way) for way in WAYS)]
    return f"| {' | '.join([*cells, refusal(client, outcome), amiss(client, outcome)])} |"


HEADER = (
    "| client | version | how to give the credential | http | https | SOCKS5 | what a refusal looks like | what does not work |"
)  # fmt: skip


def table(rows: Sequence[str], absent: Sequence[str], day: str) -> str:
    """As docs/clients.md has it."""
    lines = [f"Seen on {day}.", "", HEADER, "|---" * 8 + "|", *rows]
    if absent:
        lines += ["", f"Not run: {'; '.join(absent)}."]
    return "\n".join(lines) + "\n"


def put(text: str, made: str) -> str:
    """The manual with another table."""
    before, begin, rest = text.partition(BEGIN)
    _, end, behind = rest.partition(END)
    return before + begin + made + end + behind


@contextlib.contextmanager
def folder(kept: str = "") -> Iterator[Path]:
    """A new one that is removed at its end, or this one, which stays."""
    place = Path(kept or tempfile.mkdtemp(prefix="meshd-clients-", dir="/tmp"))
    place.mkdir(parents=True, exist_ok=True)
    try:
        yield place.absolute()
    finally:
        if not kept:
            shutil.rmtree(place, ignore_errors=True)


def every(place: Place, wanted: Sequence[Client]) -> tuple[list[str], list[str]]:
    """Rows, and what was not run and why."""
    world = World()
    progress = sys.stderr  # which a command of the daemon's puts elsewhere for a while

    def one(numbered: tuple[int, Client]) -> tuple[str, str]:
        number, client = numbered
        begun = time.monotonic()
        try:
            found = version(client)
            made = row(client, found, run(client, number, place, world))
        except NotHereError as error:
            return "", f"{client.name} ({error})"
        finally:
            progress.write(f"{client.name}: {time.monotonic() - begun:.1f} s\n")
        return made, ""

    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            told = list(pool.map(one, enumerate(wanted)))
    finally:
        world.daemon.close()
    return [each for each, _ in told if each], [why for _, why in told if why]


def main(arguments: list[str]) -> int:
    words = list(arguments)
    kept = ""
    if "--in" in words:
        at = words.index("--in")
        kept = words[at + 1]
        del words[at : at + 2]
    names = [word for word in words if not word.startswith("--")]
    wanted = [client for client in CLIENTS if client.name in names or not names]
    with folder(kept) as at_folder:
        place = Place(at_folder)
        place.install()
        rows, absent = every(place, wanted)
    made = table(rows, absent, datetime.now(UTC).date().isoformat())
    sys.stdout.write(made)
    if "--write" in words and not names:
        MANUAL.write_text(put(MANUAL.read_text(), made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
