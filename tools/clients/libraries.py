"""Rows of the table: libraries, and package managers of their languages, each asked by a worker."""

from __future__ import annotations

from tools.clients.client import Client, Library
from tools.clients.place import ENVIRONMENTS

URL = "in the proxy's URL"
EVERY = "http https SOCKS5"
PLAIN_ONLY = "For https it asks the proxy for `GET https://…`"


def library(
    name: str,
    package: str,
    credential: str,
    ways: str = "http https",
    note: str = "",
    *,
    fetcher: str = "",
    environment: str = "python",
    shows: bool = True,
    serves: bool = False,
) -> Client:
    """One of a worker's.

    fetcher: what the worker calls it, where that is not its name.
    """
    by = Library("node" if package in ENVIRONMENTS["node"].pins else environment, fetcher or name)
    return Client(name, package, credential, dict.fromkeys(ways.split(), by), note, shows, serves)


OF_PYTHON = (
    library("requests", "requests", f"{URL} (`proxies`)", EVERY),
    library("niquests", "niquests", f"{URL} (`proxies`)", environment="niquests",
            note="Its urllib3 takes the place of urllib3 for requests too"),
    library("urllib3", "urllib3", "`make_headers(proxy_basic_auth=…)`; by SOCKS in the URL", EVERY),
    library("urllib.request", "", f"{URL} (`ProxyHandler`)", fetcher="urllib"),
    library("mechanize", "mechanize", f"{URL} (`set_proxies`)"),
    library("httpx", "httpx[socks]", f"{URL} (`proxy`)", EVERY),
    library("httpx-socks", "httpx-socks", f"{URL} (`SyncProxyTransport.from_url`)", EVERY, fetcher="httpx_socks"),
    library("aiohttp, aiohttp-socks", "aiohttp", f"{URL} (`proxy`; `ProxyConnector`)", EVERY,
            "What it says holds the password: do not log it as it stands", fetcher="aiohttp"),
    library("pycurl", "pycurl", "`PROXYUSERNAME`, `PROXYPASSWORD`", EVERY),
    library("tornado by curl", "tornado", "`proxy_username`, `proxy_password` of an `HTTPRequest`", fetcher="tornado",
            note="Its own client (`simple_httpclient`) knows no proxy"),
    library("curl_cffi", "curl_cffi", f"{URL} (`proxy`)", EVERY),
    library("primp", "primp", f"{URL} (`proxy`)", EVERY),
    library("rnet", "rnet", f"{URL} (`Proxy.all`)", EVERY),
    library("tls_client", "tls_client", f"{URL} (`proxy`)"),
    library("geventhttpclient", "geventhttpclient", "a header, made by hand", note="For https it sends no credential: its CONNECT takes no fields"),
    library("httplib2", "httplib2", "`ProxyInfo(…, proxy_user, proxy_pass)`", EVERY),
    library("treq by ProxyAgent", "treq", "a header, made by hand", fetcher="treq", note=PLAIN_ONLY),
    library("PySocks", "PySocks", "`set_proxy(…, username, password)`", EVERY, fetcher="pysocks"),
    library("python-socks", "python-socks", URL, EVERY, fetcher="python_socks"),
    library("websocket-client", "websocket-client", "`http_proxy_auth=(name, password)`", EVERY, fetcher="websocket"),
    library("websockets", "websockets", f"{URL} (`proxy`)"),
    library("grpcio", "grpcio", f"{URL} (`grpc.http_proxy`, or `grpc_proxy`)", "http", "A tunnel to a server of gRPC", serves=True),
    library("paho-mqtt", "paho-mqtt", "`proxy_set(…, proxy_username, proxy_password)`", "http SOCKS5", "A tunnel to a broker, made by PySocks", fetcher="paho", serves=True),
    library("boto3", "boto3", f"{URL} (`Config(proxies=…)`)"),
    library("dulwich", "dulwich", f"{URL} (`http.proxy`)", shows=False),
    library("yt-dlp", "yt-dlp", f"{URL} (`--proxy`)", EVERY, fetcher="ytdlp"),
    library("HTTPie", "httpie", f"{URL} (`--proxy`)", fetcher="httpie", note="By itself it asks for packages.httpie.io too"),
    library("pip", "pip", f"{URL} (`--proxy`)", shows=False),
)  # fmt: skip
OF_NODE = (
    library("undici's fetch", "undici", f"{URL} (`ProxyAgent`)", fetcher="undici"),
    library("axios", "axios", "`proxy.auth`"),
    library("got by hpagent", "got", f"{URL} (`proxy`)", fetcher="got"),
    library("http- and https-proxy-agent", "https-proxy-agent", URL, fetcher="https-proxy-agent"),
    library("socks-proxy-agent", "socks-proxy-agent", URL, "SOCKS5"),
    library("node-fetch by https-proxy-agent", "node-fetch", f"{URL} (`agent`)", fetcher="node-fetch"),
    library("global-agent", "global-agent", f"{URL} (`GLOBAL_AGENT.HTTP_PROXY`)"),
    library("tunnel", "tunnel", "`proxy.proxyAuth`, `name:password`"),
    library("superagent by superagent-proxy", "superagent", f"{URL} (`.proxy`)", fetcher="superagent"),
    library("request", "request", f"{URL} (`proxy`)"),
    library("needle", "needle", f"{URL} (`proxy`)", note=PLAIN_ONLY),
    library("ws by agents", "ws", f"{URL} (`agent`)", EVERY, fetcher="ws"),
    library("grpc-js", "@grpc/grpc-js", f"{URL} (`grpc_proxy`)", "http", "A tunnel to a server of gRPC", serves=True),
    library("proxy-chain", "proxy-chain", f"{URL} (`upstreamProxyUrl`)", EVERY, "What is told is what its own client is told"),
    library("npm", "npm", f"{URL} (`proxy`, `https-proxy`)", shows=False, note="Run with `fetch-retries=0`: by itself it asks again for a minute after a 5xx"),
    library("yarn 1", "yarn", f"{URL} (`proxy`, `https-proxy`)", fetcher="yarn", shows=False),
)  # fmt: skip
LIBRARIES = (*OF_PYTHON, *OF_NODE)
