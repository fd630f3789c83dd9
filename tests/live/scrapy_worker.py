"""A Scrapy spider that fetches what it reads from its standard input, a JSON object a line, until that ends.

Its argument, JSON too, has settings besides its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess


class ToldSpider(scrapy.Spider):
    name = "told"
    handle_httpstatus_all = True

    async def start(self) -> AsyncIterator[Any]:
        while line := await asyncio.to_thread(sys.stdin.readline):
            print(json.dumps(await self._fetched(json.loads(line))), flush=True)
        return
        yield

    async def _fetched(self, told: dict[str, Any]) -> dict[str, Any]:
        request = scrapy.Request(
            told["url"],
            method=told["method"],
            headers={**told["fields"], **told["proxy_fields"]},
            body=told["body"].encode("latin-1"),
            meta={
                "handle_httpstatus_all": True,
                **({"proxy": told["proxy"]} if told["proxy"] else {}),
                **({"bindaddress": (told["source"], 0)} if told["source"] else {}),
            },
            dont_filter=True,
        )
        assert self.crawler.engine is not None
        try:
            found = await self.crawler.engine.download_async(request)
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}"}
        fields = [
            [name.decode("latin-1"), value.decode("latin-1")]
            for name, values in found.headers.items()
            for value in values
        ]
        return {"status": found.status, "fields": fields, "body": found.body.decode("latin-1")}


if __name__ == "__main__":
    process = AsyncCrawlerProcess(
        {
            "LOG_ENABLED": False,
            "RETRY_ENABLED": False,
            "TELNETCONSOLE_ENABLED": False,
            "COOKIES_ENABLED": False,
            "TWISTED_DNS_RESOLVER": "scrapy.resolver.CachingHostnameResolver",  # the other knows no IPv6
            **json.loads(sys.argv[1]),
        }
    )
    process.crawl(ToldSpider)
    process.start()
