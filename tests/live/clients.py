"""curl, requests, urllib3, httpx, aiohttp and Scrapy, each asked for one exchange through the proxy.

Nothing of theirs is patched: only options, arguments and hooks that their own documents name are used.
"""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import aiohttp
import httpx
import requests
import urllib3
from requests.adapters import HTTPAdapter

from tests.support.daemon import clean_environment

TIMEOUT = 60.0


@dataclass(frozen=True)
class Credential:
    """What a client is told to show to the proxy."""

    username: str = ""
    password: str = ""
    bearer: str = ""
    """Sent as `Proxy-Authorization: Bearer`."""
    source: str = ""
    """The address that it connects from."""

    def url(self, proxy: str) -> str:
        """The proxy's URL as most clients take it, with the credentials in it."""
        user = f"{quote(self.username, '')}:{quote(self.password, '')}@" if self.username else ""
        return f"http://{user}{proxy}"

    @property
    def fields(self) -> dict[str, str]:
        """For clients that take the proxy's header fields."""
        if self.bearer:
            return {"Proxy-Authorization": f"Bearer {self.bearer}"}
        if self.username:
            return {"Proxy-Authorization": f"Basic {self.basic}"}
        return {}

    @property
    def basic(self) -> str:
        return base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    @property
    def secrets(self) -> list[bytes]:
        """What no origin may see."""
        words = [self.password, self.bearer, self.username if self.username.startswith("pm_") else ""]
        return [*(word.encode() for word in words if word), *([self.basic.encode()] if self.username else [])]


@dataclass(frozen=True)
class Asked:
    """One exchange to carry out."""

    url: str
    proxy: str
    """host:port; "" where a client of its own configuration knows it."""
    credential: Credential
    ca_file: str
    method: str = "GET"
    fields: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(frozen=True)
class Answer:
    status: int
    fields: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class NoTunnelError(Exception):
    """The client was refused by the proxy before it came to its origin; with its own words."""


def _lower(fields: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in fields}


def with_curl(asked: Asked) -> Answer:
    words = ["curl", "-sSi", "--suppress-connect-headers", "--max-time", str(TIMEOUT), "-X", asked.method]
    words += ["-x", f"http://{asked.proxy}"]
    if asked.credential.username:
        words += ["-U", f"{asked.credential.username}:{asked.credential.password}"]
    if asked.credential.bearer:
        words += ["--proxy-header", f"Proxy-Authorization: Bearer {asked.credential.bearer}"]
    if asked.credential.source:
        words += ["--interface", asked.credential.source]
    if asked.url.startswith("https:"):
        words += ["--cacert", asked.ca_file]
    for name, value in asked.fields.items():
        words += ["-H", f"{name}: {value}"]
    if asked.body is not None:
        words += ["-H", "Content-Type: application/octet-stream", "--data-binary", "@-"]
    done = subprocess.run(
        [*words, asked.url],
        check=False,
        input=asked.body,
        capture_output=True,
        env=clean_environment(),
        timeout=TIMEOUT + 5,
    )
    if done.returncode:
        raise NoTunnelError(done.stderr.decode())
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    while head.split(b" ", 2)[1].startswith(b"1"):
        head, _, body = body.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    pairs = (line.split(": ", 1) for line in lines[1:])
    return Answer(int(lines[0].split(" ")[1]), _lower(pairs), body)


class _Adapter(HTTPAdapter):
    """The two hooks that the documentation of requests gives for this: the proxy's fields and the pool's arguments."""

    def __init__(self, credential: Credential) -> None:
        self._credential = credential
        super().__init__()

    def proxy_headers(self, proxy: str) -> dict[str, str]:
        return dict(self._credential.fields if self._credential.bearer else super().proxy_headers(proxy))

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        if self._credential.source:
            kwargs["source_address"] = (self._credential.source, 0)
        return super().proxy_manager_for(proxy, **kwargs)


def with_requests(asked: Asked) -> Answer:
    url = asked.credential.url(asked.proxy)
    with requests.Session() as session:
        session.trust_env = False
        if asked.credential.bearer or asked.credential.source:
            session.mount("http://", _Adapter(asked.credential))
            session.mount("https://", _Adapter(asked.credential))
        try:
            found = session.request(
                asked.method,
                asked.url,
                headers=dict(asked.fields),
                data=asked.body,
                proxies={"http": url, "https": url},
                verify=asked.ca_file or True,
                timeout=TIMEOUT,
            )
        except requests.exceptions.ProxyError as error:
            raise NoTunnelError(str(error)) from error
    return Answer(found.status_code, _lower(found.headers.items()), found.content)


def with_urllib3(asked: Asked) -> Answer:
    source = {"source_address": (asked.credential.source, 0)} if asked.credential.source else {}
    with urllib3.ProxyManager(
        f"http://{asked.proxy}",
        proxy_headers=asked.credential.fields,
        ca_certs=asked.ca_file or None,
        timeout=TIMEOUT,
        **source,
    ) as pool:
        try:
            found = pool.request(asked.method, asked.url, headers=dict(asked.fields), body=asked.body)
        except urllib3.exceptions.MaxRetryError as error:
            raise NoTunnelError(str(error)) from error
    return Answer(found.status, _lower(found.headers.items()), found.data)


def with_httpx(asked: Asked) -> Answer:
    credential = asked.credential
    proxy = httpx.Proxy(credential.url(asked.proxy), headers=credential.fields if credential.bearer else None)
    verify = ssl.create_default_context(cafile=asked.ca_file or None)
    transport = httpx.HTTPTransport(proxy=proxy, verify=verify)
    if credential.source.startswith("127."):  # towards ::1 there is no choice
        raise NotImplementedError("httpx binds no source address towards a proxy")
    with httpx.Client(transport=transport, trust_env=False, timeout=TIMEOUT) as client:
        try:
            found = client.request(asked.method, asked.url, headers=dict(asked.fields), content=asked.body)
        except httpx.ProxyError as error:
            raise NoTunnelError(str(error)) from error
    return Answer(found.status_code, _lower(found.headers.items()), found.content)


def with_aiohttp(asked: Asked) -> Answer:
    return asyncio.run(_with_aiohttp(asked))


async def _with_aiohttp(asked: Asked) -> Answer:
    credential = asked.credential
    secure = asked.url.startswith("https:")
    connector = aiohttp.TCPConnector(local_addr=(credential.source, 0) if credential.source else None)
    # Its proxy_headers go with CONNECT only; a plain request's field is sent like any other.
    shown = credential.fields if credential.bearer else {}
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(TIMEOUT)) as session:
        try:
            async with session.request(
                asked.method,
                asked.url,
                headers={**asked.fields, **({} if secure else shown)},
                data=asked.body,
                proxy=credential.url(asked.proxy),
                proxy_headers=shown if secure else None,
                ssl=ssl.create_default_context(cafile=asked.ca_file) if secure else True,
            ) as found:
                return Answer(found.status, _lower(found.headers.items()), await found.read())
        except aiohttp.ClientHttpProxyError as error:
            raise NoTunnelError(f"{error.status} {error.message}") from error


class Scrapy:
    """One Scrapy process that is told what to fetch, a line of JSON each: it takes a second to start."""

    def __init__(self, settings: Mapping[str, object] | None = None) -> None:
        """settings: of Scrapy's and its middlewares', besides what any client here needs."""
        self._settings = json.dumps(settings or {})
        self._process: subprocess.Popen[str] | None = None
        self._lock = threading.Lock()

    def __call__(self, asked: Asked) -> Answer:
        line = {
            "url": asked.url,
            "method": asked.method,
            "fields": dict(asked.fields),
            "body": asked.body.decode("latin-1") if asked.body is not None else "",
            "proxy": asked.credential.url(asked.proxy) if asked.proxy else "",
            "proxy_fields": asked.credential.fields if asked.credential.bearer else {},
            "source": asked.credential.source,
        }
        with self._lock:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(line) + "\n")
            process.stdin.flush()
            said = process.stdout.readline()
        if not said:
            raise AssertionError(f"Scrapy ended with {process.wait(TIMEOUT)}")
        found = json.loads(said)
        if "error" in found:
            raise NoTunnelError(found["error"])
        return Answer(found["status"], _lower(found["fields"]), found["body"].encode("latin-1"))

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("scrapy_worker.py")), self._settings],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=clean_environment(),
            )
        return self._process

    def close(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        try:
            process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(TIMEOUT)
        process.stdout.close()


scrapy = Scrapy()

CLIENTS: dict[str, Callable[[Asked], Answer]] = {
    "curl": with_curl,
    "requests": with_requests,
    "urllib3": with_urllib3,
    "httpx": with_httpx,
    "aiohttp": with_aiohttp,
    "scrapy": scrapy,
}
