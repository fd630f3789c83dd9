"""How to use a proxy from the usual programs, with the customer's own host and user name.  Pure.

No secret stands in a snippet: PASSWORD is for the reader to replace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote

from meshd.values import autoconfig

PASSWORD = "PASSWORD"  # noqa: S105
TARGET = "https://example.com/"


class Snippet(NamedTuple):
    """A few lines for one program."""

    title: str
    text: str
    note: str = ""


def snippets(domain: str, username: str) -> list[Snippet]:
    """The snippets for a proxy.  domain: `host:port`."""
    user = quote(username, safe="")
    return [make(domain, username, user) for make in _MAKERS]


def pac(domain: str) -> str:
    """A proxy auto-configuration file for browsers, which ask for the password themselves.  domain: `host:port`."""
    return autoconfig.pac([domain], autoconfig.WORDS["http"], "")


def _curl(domain: str, username: str, user: str) -> Snippet:
    text = f"curl -x http://{domain} -U {_shell(username)} {TARGET}"
    token = f"curl -x http://{domain} \\\n  --proxy-header 'Proxy-Authorization: Bearer pm_YOUR_TOKEN' \\\n  {TARGET}"
    return Snippet("curl", f"{text}\n\n{token}", "The first asks for your password; the second sends a bearer token.")


def _requests(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Python: requests",
        f'import requests\n\nproxy = "http://{user}:{PASSWORD}@{domain}"\n'
        'proxies = {"http": proxy, "https": proxy}\n'
        f'print(requests.get("{TARGET}", proxies=proxies, timeout=60).status_code)\n',
    )


def _httpx(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Python: httpx",
        f'import httpx\n\nwith httpx.Client(proxy="http://{user}:{PASSWORD}@{domain}", timeout=60) as client:\n'
        f'    print(client.get("{TARGET}").status_code)\n',
    )


def _aiohttp(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Python: aiohttp",
        "import asyncio\n\nimport aiohttp\n\n\nasync def main():\n"
        f'    auth = aiohttp.BasicAuth("{username}", "{PASSWORD}")\n'
        "    async with aiohttp.ClientSession() as session:\n"
        f'        async with session.get("{TARGET}", proxy="http://{domain}", proxy_auth=auth) as response:\n'
        "            print(response.status)\n\n\nasyncio.run(main())\n",
    )


def _scrapy(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Scrapy",
        "import scrapy\n\n\nclass ExampleSpider(scrapy.Spider):\n"
        '    name = "example"\n\n    async def start(self):\n'
        f'        meta = {{"proxy": "http://{user}:{PASSWORD}@{domain}"}}\n'
        f'        yield scrapy.Request("{TARGET}", meta=meta)\n\n'
        '    def parse(self, response):\n        yield {"status": response.status}\n',
        "For several sessions at once, add a sticky key: USER:KEY:PASSWORD.",
    )


def _playwright(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Playwright",
        "from playwright.sync_api import sync_playwright\n\n"
        f'proxy = {{"server": "http://{domain}", "username": "{username}", "password": "{PASSWORD}"}}\n'
        "with sync_playwright() as driver:\n    browser = driver.chromium.launch(proxy=proxy)\n"
        f'    page = browser.new_page()\n    page.goto("{TARGET}")\n    print(page.title())\n',
    )


def _node(domain: str, username: str, user: str) -> Snippet:
    return Snippet(
        "Node: fetch",
        'import { ProxyAgent, fetch } from "undici";\n\n'
        f'const token = "Basic " + Buffer.from("{username}:{PASSWORD}").toString("base64");\n'
        f'const dispatcher = new ProxyAgent({{ uri: "http://{domain}", token }});\n'
        f'const response = await fetch("{TARGET}", {{ dispatcher }});\nconsole.log(response.status);\n',
        "Install undici from npm; Node's own fetch takes its dispatcher too.",
    )


_MAKERS: tuple[Callable[[str, str, str], Snippet], ...] = (
    _curl,
    _requests,
    _httpx,
    _aiohttp,
    _scrapy,
    _playwright,
    _node,
)


def _shell(word: str) -> str:
    """A username as a word of a shell: none holds a blank or a quote, by the rules of names."""
    return f"'{word}'" if any(char in word for char in "+@") else word
