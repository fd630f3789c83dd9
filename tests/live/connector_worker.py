"""One of ProxyHat's connectors, unmodified, fetches what a JSON object on its command line asks for.

Run by an interpreter that has the connectors and nothing of meshd.  Their gateway has no setting: its host and ports
are constants of their SDK, which this process sets before it builds anything with them.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Fetched = list[tuple[int, str]]
"""For each URL the status and the body."""


def point_at(host: str, http_port: int, socks_port: int) -> None:
    """Let the SDK build URLs of this gateway."""
    from proxyhat import connection

    connection.PROXYHAT_GATEWAY = host
    connection.PROXYHAT_PORT_HTTP, connection.PROXYHAT_PORT_SOCKS5 = http_port, socks_port


def by_requests(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from requests_proxyhat import ProxyHatSession

    with ProxyHatSession(**who) as session:
        answers = [session.get(url, verify=told["ca"]) for url in urls]
        return [(answer.status_code, answer.text) for answer in answers]


def by_httpx(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from httpx_proxyhat import ProxyHatClient

    with ProxyHatClient(**who, verify=ssl.create_default_context(cafile=told["ca"])) as client:
        return [(answer.status_code, answer.text) for answer in map(client.get, urls)]


def by_httpx_async(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from httpx_proxyhat import ProxyHatAsyncClient

    async def fetch() -> Fetched:
        async with ProxyHatAsyncClient(**who, verify=ssl.create_default_context(cafile=told["ca"])) as client:
            answers = await asyncio.gather(*map(client.get, urls))
            return [(answer.status_code, answer.text) for answer in answers]

    return asyncio.run(fetch())


def by_curl_cffi(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from curl_cffi_proxyhat import ProxyHatSession

    with ProxyHatSession(**who, verify=told["ca"]) as session:
        return [(answer.status_code, answer.text) for answer in map(session.get, urls)]


def by_yt_dlp(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from yt_dlp_proxyhat import ProxyHatYoutubeDL

    with ProxyHatYoutubeDL({"quiet": True, "nocheckcertificate": True}, **who) as ydl:
        answers = [ydl.urlopen(url) for url in urls]
        return [(answer.status, answer.read().decode()) for answer in answers]


def by_scrapy(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    import scrapy
    from scrapy.crawler import CrawlerProcess

    found: dict[str, tuple[int, str]] = {}

    class Spider(scrapy.Spider):
        name = "told"
        start_urls = urls

        def parse(self, response: Any) -> Iterator[Any]:
            found[response.url] = (response.status, response.text)
            return iter(())

    settings = {f"PROXYHAT_{key.upper()}": value for key, value in who.items() if key != "protocol"}
    middlewares = {"DOWNLOADER_MIDDLEWARES": {"scrapy_proxyhat.ProxyHatMiddleware": 610}}
    quiet = {"LOG_ENABLED": False, "TELNETCONSOLE_ENABLED": False, "RETRY_ENABLED": False}
    codes = {"HTTPERROR_ALLOW_ALL": True, "ROBOTSTXT_OBEY": False, "CONCURRENT_REQUESTS": 3}
    process = CrawlerProcess({**middlewares, **settings, **quiet, **codes})
    process.crawl(Spider)
    process.start()
    return [found.get(url, (0, "")) for url in urls]


def by_selenium(told: dict[str, Any], who: dict[str, Any], urls: list[str]) -> Fetched:
    from selenium import webdriver
    from selenium.webdriver.common.by import By
    from selenium_proxyhat import proxy as module
    from selenium_proxyhat import proxyhat_driver

    module.PROXYHAT_GATEWAY, module.PROXYHAT_PORT_HTTP = told["gateway"][:2]
    options = webdriver.ChromeOptions()
    options.binary_location = told["chromium"]
    for flag in told["flags"]:
        options.add_argument(flag)
    service = webdriver.ChromeService(executable_path=told["chromedriver"])
    who = {key: value for key, value in who.items() if key != "protocol"}
    with proxyhat_driver(**who, options=options, service=service) as driver:

        def text(url: str) -> str:
            driver.get(url)
            return driver.find_element(By.TAG_NAME, "body").text

        found = []
        for url in urls:
            # Chromium may load a page before it has started the extension, whose answer to the 407 is missing then.
            tries = (text(url) for _ in range(20) if not time.sleep(0.2))  # type: ignore[func-returns-value]
            found.append((200, next(filter(None, tries), "")))
        return found


WAYS: dict[str, Callable[[dict[str, Any], dict[str, Any], list[str]], Fetched]] = {
    "requests": by_requests,
    "httpx": by_httpx,
    "httpx-async": by_httpx_async,
    "scrapy": by_scrapy,
    "curl-cffi": by_curl_cffi,
    "yt-dlp": by_yt_dlp,
    "selenium": by_selenium,
}


def main() -> None:
    told = json.loads(sys.argv[1])
    point_at(*told["gateway"])
    print(json.dumps(WAYS[told["connector"]](told, told["who"], told["urls"])))


if __name__ == "__main__":
    main()
