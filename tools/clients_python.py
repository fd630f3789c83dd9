"""Libraries of Python, each asked for one page through a proxy: a line of JSON for each page, a line for what is seen.

`tools/clients.py` runs it in an environment that holds these libraries and nothing of meshd.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 15.0
"""Seconds that a library is told to wait: less than whoever reads here waits."""


class Task:
    """One page, and the proxy with its credential; the same names as in the line."""

    def __init__(self, said: dict[str, str]) -> None:
        self.url = said["url"]
        self.link = said["link"]
        """The proxy as a URL with the credential, escaped."""
        self.host, self.port = said["host"], int(said["port"])
        self.username, self.password = said["username"], said["password"]
        self.ca = said["ca"]
        parts = urlsplit(self.url)
        self.tls, self.path = parts.scheme == "https", parts.path
        self.origin = (parts.hostname or "", parts.port or 0)

    @property
    def socks(self) -> bool:
        return self.link.startswith("socks")

    @property
    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca)


def with_requests(task: Task) -> str:
    import requests

    session = requests.Session()
    session.trust_env = False
    answer = session.get(task.url, proxies={"http": task.link, "https": task.link}, verify=task.ca, timeout=PATIENCE)
    return f"{answer.status_code} {answer.reason}\n{answer.text}"


def with_urllib3(task: Task) -> str:
    import urllib3
    from urllib3.contrib.socks import SOCKSProxyManager

    pool: Any
    if task.socks:
        pool = SOCKSProxyManager(task.link, ca_certs=task.ca)
    else:
        fields = urllib3.make_headers(proxy_basic_auth=f"{task.username}:{task.password}")
        pool = urllib3.ProxyManager(f"http://{task.host}:{task.port}", proxy_headers=fields, ca_certs=task.ca)
    answer = pool.request("GET", task.url, timeout=PATIENCE)
    return f"{answer.status} {answer.reason}\n{answer.data.decode()}"


def with_urllib(task: Task) -> str:
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    opener = build_opener(ProxyHandler({"http": task.link, "https": task.link}), HTTPSHandler(context=task.context))
    answer = opener.open(task.url, timeout=PATIENCE)
    return f"{answer.status} {answer.reason}\n{answer.read().decode()}"


def with_httpx(task: Task) -> str:
    import httpx

    link = task.link.replace("socks5h:", "socks5:")
    with httpx.Client(proxy=link, verify=task.context, timeout=PATIENCE, trust_env=False) as client:
        answer = client.get(task.url)
    return f"{answer.status_code} {answer.reason_phrase}\n{answer.text}"


def with_aiohttp(task: Task) -> str:
    import aiohttp

    async def fetch() -> str:
        connector, proxy = None, task.link
        if task.socks:
            from aiohttp_socks import ProxyConnector

            connector, proxy = ProxyConnector.from_url(task.link.replace("socks5h:", "socks5:"), rdns=True), ""
        context = task.context if task.tls else True
        async with (
            aiohttp.ClientSession(connector=connector) as session,
            session.get(task.url, proxy=proxy or None, ssl=context, timeout=aiohttp.ClientTimeout(PATIENCE)) as answer,
        ):
            return f"{answer.status} {answer.reason}\n{await answer.text()}"

    return asyncio.run(fetch())


def with_pycurl(task: Task) -> str:
    from io import BytesIO

    import pycurl

    body, curl = BytesIO(), pycurl.Curl()
    curl.setopt(pycurl.URL, task.url)
    curl.setopt(pycurl.PROXY, task.link.split("//")[0] + f"//{task.host}:{task.port}")
    curl.setopt(pycurl.PROXYUSERNAME, task.username)
    curl.setopt(pycurl.PROXYPASSWORD, task.password)
    curl.setopt(pycurl.CAINFO, task.ca)
    curl.setopt(pycurl.WRITEDATA, body)
    curl.setopt(pycurl.TIMEOUT, int(PATIENCE))
    curl.perform()
    return f"{curl.getinfo(pycurl.RESPONSE_CODE)}\n{body.getvalue().decode()}"


def with_curl_cffi(task: Task) -> str:
    from curl_cffi import requests

    answer = requests.get(task.url, proxy=task.link, verify=task.ca, timeout=PATIENCE)
    return f"{answer.status_code} {answer.reason}\n{answer.text}"


def with_httplib2(task: Task) -> str:
    import httplib2

    kind = httplib2.socks.PROXY_TYPE_SOCKS5 if task.socks else httplib2.socks.PROXY_TYPE_HTTP
    proxy = httplib2.ProxyInfo(kind, task.host, task.port, True, task.username, task.password)
    answer, body = httplib2.Http(proxy_info=proxy, ca_certs=task.ca, timeout=PATIENCE).request(task.url)
    return f"{answer.status} {answer.reason}\n{body.decode()}"


def with_treq(task: Task) -> str:
    import treq
    from twisted.internet import reactor
    from twisted.internet.defer import Deferred, ensureDeferred
    from twisted.internet.endpoints import TCP4ClientEndpoint
    from twisted.web.client import ProxyAgent

    async def fetch() -> str:
        endpoint = TCP4ClientEndpoint(reactor, task.host, task.port, timeout=int(PATIENCE))
        pair = b64encode(f"{task.username}:{task.password}".encode())
        client = treq.client.HTTPClient(ProxyAgent(endpoint))
        answer = await client.get(task.url, headers={b"Proxy-Authorization": b"Basic " + pair}, timeout=PATIENCE)
        return f"{answer.code} {answer.phrase.decode()}\n{await answer.text()}"

    seen: list[Any] = []
    turns: Any = reactor
    turns.callWhenRunning(lambda: ensureDeferred(fetch()).addBoth(seen.append).addBoth(lambda _: turns.crash()))
    turns.run(installSignalHandlers=False)
    assert not isinstance(seen, Deferred)
    if isinstance(seen[0], str):
        return seen[0]
    raise seen[0].value


def _spoken(task: Task, sock: Any) -> str:
    """One request by hand, through whatever tunnel."""
    sock.settimeout(PATIENCE)
    if task.tls:
        sock = task.context.wrap_socket(sock, server_hostname=task.origin[0])
    with sock:
        host = f"{task.origin[0]}:{task.origin[1]}"
        sock.sendall(f"GET {task.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while b'"method"' not in answer and (data := sock.recv(65536)):
            answer += data
    return answer.decode()


def with_pysocks(task: Task) -> str:
    import socks

    sock = socks.socksocket()
    sock.settimeout(PATIENCE)
    kind = socks.SOCKS5 if task.socks else socks.HTTP
    sock.set_proxy(kind, task.host, task.port, True, task.username or None, task.password or None)
    sock.connect(task.origin)
    return _spoken(task, sock)


def with_python_socks(task: Task) -> str:
    from python_socks.sync import Proxy

    proxy = Proxy.from_url(task.link.replace("socks5h:", "socks5:"), rdns=True)
    return _spoken(task, proxy.connect(*task.origin, timeout=PATIENCE))


def with_websocket(task: Task) -> str:
    """Not a page: the handshake, and a message that comes back."""
    import websocket

    made = websocket.create_connection(
        task.url.replace("http", "ws", 1),
        timeout=PATIENCE,
        http_proxy_host=task.host,
        http_proxy_port=task.port,
        http_proxy_auth=(task.username, task.password),
        proxy_type="socks5h" if task.socks else "http",
        sslopt={"ca_certs": task.ca},
        http_no_proxy=["none.invalid"],
    )
    made.shutdown()
    return "shaken"


def with_websockets(task: Task) -> str:
    from websockets.sync.client import connect

    context = {"ssl": task.context} if task.tls else {}
    made = connect(task.url.replace("http", "ws", 1), proxy=task.link, open_timeout=PATIENCE, **context)
    made.close()
    return "shaken"


def with_boto3(task: Task) -> str:
    """A bucket is asked for at the origin."""
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=task.url.rpartition("/")[0],
        verify=task.ca,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(
            proxies={"http": task.link, "https": task.link}, connect_timeout=PATIENCE, s3={"addressing_style": "path"}
        ),
    )
    return str(client.get_object(Bucket="echo", Key="x")["Body"].read().decode())


def with_ytdlp(task: Task) -> str:
    from yt_dlp import YoutubeDL

    settings = {"proxy": task.link, "quiet": True, "nocheckcertificate": True, "socket_timeout": PATIENCE}
    with YoutubeDL(settings) as client:
        answer = client.urlopen(task.url)
        return f"{answer.status} {answer.reason}\n{answer.read().decode()}"


def with_primp(task: Task) -> str:
    import primp

    client = primp.Client(proxy=task.link, ca_cert_file=task.ca, timeout=PATIENCE)
    answer = client.get(task.url)
    return f"{answer.status_code}\n{answer.text}"


FETCHERS: dict[str, Callable[[Task], str]] = {
    name.removeprefix("with_"): made for name, made in list(globals().items()) if name.startswith("with_")
}


def told(error: BaseException | None) -> str:
    """An exception as its user sees it, with what caused it."""
    lines = []
    while error is not None:
        body = getattr(error, "read", lambda: b"")()
        lines.append(f"{type(error).__name__}: {error}\n{body.decode() if isinstance(body, bytes) else body}".strip())
        error = error.__cause__ or error.__context__
    return "\n".join(lines)


def main() -> None:
    fetch = FETCHERS[sys.argv[1]]
    out, sys.stdout = sys.stdout, sys.stderr  # a library that prints must not be taken for an answer
    for line in sys.stdin:
        try:
            text = fetch(Task(json.loads(line)))
        except Exception as error:
            text = told(error)
        out.write(json.dumps(text) + "\n")
        out.flush()


if __name__ == "__main__":
    main()
