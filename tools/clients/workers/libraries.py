"""Libraries of Python that speak HTTP, each asked for one page through a proxy."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import protocols
from asking import PATIENCE, Task, fetchers, serve


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


def with_niquests(task: Task) -> str:
    import niquests

    with niquests.Session() as session:
        session.trust_env = False
        proxies = {"http": task.link, "https": task.link}
        answer = session.get(task.url, proxies=proxies, verify=task.ca, timeout=PATIENCE)
        return f"{answer.status_code} {answer.reason}\n{answer.text}"


def with_mechanize(task: Task) -> str:
    import mechanize

    browser = mechanize.Browser()
    browser.set_handle_robots(False)
    browser.set_ca_data(context=task.context)
    browser.set_proxies({"http": task.link, "https": task.link})
    answer = browser.open(task.url, timeout=PATIENCE)
    return f"{answer.code} {answer.msg}\n{answer.read().decode()}"


def with_httpx_socks(task: Task) -> str:
    import httpx
    from httpx_socks import SyncProxyTransport

    transport = SyncProxyTransport.from_url(
        task.link.replace("socks5h:", "socks5:"), rdns=True, verify=task.context, trust_env=False
    )
    with httpx.Client(transport=transport, timeout=PATIENCE, trust_env=False) as client:
        answer = client.get(task.url)
    return f"{answer.status_code} {answer.reason_phrase}\n{answer.text}"


def with_tornado(task: Task) -> str:
    from tornado.curl_httpclient import CurlAsyncHTTPClient

    async def fetch() -> str:
        client = CurlAsyncHTTPClient()
        answer = await client.fetch(
            task.url, raise_error=False, ca_certs=task.ca, proxy_host=task.host, proxy_port=task.port,
            proxy_username=task.username, proxy_password=task.password, request_timeout=PATIENCE,
        )  # fmt: skip
        return f"{answer.code} {answer.reason}\n{(answer.body or b'').decode()}\n{answer.error or ''}"

    return asyncio.run(fetch())


def with_rnet(task: Task) -> str:
    import rnet

    async def fetch() -> str:
        client = rnet.Client(proxies=[rnet.Proxy.all(task.link)], verify=task.ca, timeout=int(PATIENCE))
        answer = await client.get(task.url)
        return f"{answer.status}\n{await answer.text()}"

    return asyncio.run(fetch())


def with_tls_client(task: Task) -> str:
    import tls_client

    session = tls_client.Session()
    answer = session.get(task.url, proxy=task.link, insecure_skip_verify=True, timeout_seconds=int(PATIENCE))
    return f"{answer.status_code}\n{answer.text}"


def with_geventhttpclient(task: Task) -> str:
    from geventhttpclient import HTTPClient

    pair = b64encode(f"{task.username}:{task.password}".encode()).decode()
    options = {"ssl_options": {"ca_certs": task.ca}} if task.tls else {}
    client = HTTPClient.from_url(
        task.url, proxy_host=task.host, proxy_port=task.port, headers={"Proxy-Authorization": f"Basic {pair}"},
        connection_timeout=PATIENCE, network_timeout=PATIENCE, **options,
    )  # fmt: skip
    answer = client.get(task.url)
    return f"{answer.status_code}\n{answer.read().decode()}"


def _run(*command: str) -> str:
    """All that a program of this environment prints."""
    words = [sys.executable, "-m", *command]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def with_httpie(task: Task) -> str:
    Path("config.json").write_text('{"disable_update_warnings": true}')  # it would ask its maker
    os.environ["HTTPIE_CONFIG_DIR"] = str(Path.cwd())
    proxies = [f"--proxy={scheme}:{task.link}" for scheme in ("http", "https")]
    return _run("httpie", "--ignore-stdin", "--print=hb", f"--verify={task.ca}", *proxies, "GET", task.url)


def with_pip(task: Task) -> str:
    """The origin is no index, as it finds once it has come to it."""
    index = task.url.replace("/echo", "/simple/")
    trust = [f"--cert={task.ca}", "--trusted-host=127.0.0.1"]
    common = ["--isolated", "--no-input", "--disable-pip-version-check", f"--proxy={task.link}", *trust]
    return _run("pip", "download", *common, f"--index-url={index}", "--no-deps", "nothing-like-this")


if __name__ == "__main__":
    serve(fetchers(globals()) | fetchers(vars(protocols)))
