"""Chromium by HTTP/2 to the proxy: a page of many hosts, WebSockets, and much of both directions, by http and https."""

from __future__ import annotations

import asyncio
import json
import ssl
import threading
import zlib
from typing import Any

from aiohttp import web
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.test_browser import trusted
from tests.support import browser
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import authority, pattern
from tests.support.tap import Tap
from tests.threats.support import Names

RESOURCES = 20
HOSTS = [f"host{number}.test" for number in range(5)]
MUCH = 50_000_000
PASSWORD = "correct horse"
SCRIPT = "window.ran = (window.ran || 0) + 1; document.title = window.ran;"

TALK = """
new Promise((told) => {
  const socket = new WebSocket("%s"), came = [];
  socket.onopen = () => socket.send("one");
  socket.onmessage = (event) => {
    came.push(event.data);
    if (came.length == 3) { socket.close(); told(JSON.stringify(came)); } else socket.send("x".repeat(70000));
  };
  socket.onerror = () => told("error");
})
"""
MOVE = """
(async () => {
  const data = await (await fetch("/down")).arrayBuffer();
  const kept = await (await fetch("/up", {method: "POST", body: data})).text();
  return JSON.stringify([data.byteLength, kept]);
})()
"""


class Site:
    """An origin by http and https, in a thread: a page with scripts of other hosts, an echo, much to take and give."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.ports: dict[str, int] = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(90)

    async def _listen(self) -> dict[str, int]:
        app = web.Application(client_max_size=2 * MUCH)
        app.router.add_get("/page", self._page)
        app.router.add_get("/script", self._script)
        app.router.add_get("/echo", self._echo)
        app.router.add_get("/down", self._down)
        app.router.add_post("/up", self._up)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        for context in (None, authority().context):
            await web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=context).start()
        plain, secure = (address[1] for address in self._runner.addresses)
        return {"http": plain, "https": secure}

    async def _page(self, request: web.Request) -> web.Response:
        port = self.ports[request.scheme]
        sources = (f"{request.scheme}://{HOSTS[at % len(HOSTS)]}:{port}/script?{at}" for at in range(RESOURCES))
        scripts = "".join(f'<script async src="{source}"></script>' for source in sources)
        text = f'<!doctype html><title>0</title><link rel="icon" href="data:,">{scripts}'
        return web.Response(text=text, content_type="text/html")

    async def _script(self, request: web.Request) -> web.Response:
        return web.Response(text=SCRIPT, content_type="text/javascript", headers={"Cache-Control": "no-store"})

    async def _echo(self, request: web.Request) -> web.WebSocketResponse:
        answer = web.WebSocketResponse()
        await answer.prepare(request)
        async for message in answer:
            await answer.send_str(message.data)
        return answer

    async def _down(self, request: web.Request) -> web.Response:
        return web.Response(body=pattern(MUCH))

    async def _up(self, request: web.Request) -> web.Response:
        return web.Response(text=str(zlib.crc32(await request.read())))

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(90)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(60)
        self._loop.close()


class ChromiumTests(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        names = Names()
        for host in HOSTS:
            names.say(host, ("127.0.0.1",))
        self.daemon = LiveDaemon(self, f'[dns]\nservers = ["{names.address}"]\n[limits]\nflush_seconds = 0.1\n')
        self.daemon.account("anna", PASSWORD)
        self.site = Site()
        self.addCleanup(self.site.close)
        self.tap = Tap(self, self.daemon.proxy_port)

    def chromium(self) -> browser.Chromium:
        shown = ssl.get_server_certificate(("127.0.0.1", self.site.ports["https"])).encode()
        trust = trusted(shown, self.daemon.certificate.read_bytes())
        proxy = f"--proxy-server=https://{self.tap.authority}"
        return browser.Chromium(self, proxy, trust, credentials=("anna", PASSWORD))

    def mine(self) -> list[dict[str, Any]]:
        return [line for line in self.daemon.exchanges() if line["username"] == "anna" and line["host"] in HOSTS]

    def visit(self, scheme: str) -> list[dict[str, Any]]:
        """All of it by one browser; the lines of the log."""
        port = self.site.ports[scheme]
        chromium = self.chromium()
        page, title = chromium.open(f"{scheme}://{HOSTS[0]}:{port}/page")
        self.assertEqual(title, str(RESOURCES))
        echo = f"{scheme.replace('http', 'ws')}://{HOSTS[1]}:{port}/echo"
        self.assertEqual(json.loads(chromium.run(page, TALK % echo)), ["one", "x" * 70_000, "x" * 70_000])
        chromium.let_go(page)
        self.assertEqual(json.loads(chromium.run(page, MOVE)), [MUCH, str(zlib.crc32(pattern(MUCH)))])
        self.assertLess(len(self.tap.connections), RESOURCES // 2, "they are shared, as by HTTP/2 alone")
        chromium.close()  # its connections end, and with them the exchanges
        until(self.even, "a balance of log and store")
        return [line for line in self.mine() if line["status"] == 200]

    def even(self) -> bool:
        total = sum(line["up"] + line["down"] for line in self.daemon.exchanges() if line["username"] == "anna")
        return total == self.daemon.total("anna") and total > 2 * MUCH

    def test_http(self) -> None:
        """Each resource is an exchange, and a WebSocket a tunnel; what was moved is counted, and what belongs to it."""
        lines = self.visit("http")
        self.assertGreater(len(lines), RESOURCES)
        self.assertEqual([line["method"] for line in lines].count("CONNECT"), 1)
        for way in ("up", "down"):
            self.assertEqual([MUCH < line[way] < MUCH + 2000 for line in lines].count(True), 1, way)

    def test_https(self) -> None:
        """All of it goes through tunnels, to each host some."""
        lines = self.visit("https")
        self.assertEqual({line["method"] for line in lines}, {"CONNECT"})
        self.assertEqual({line["host"] for line in lines}, set(HOSTS))
        for way in ("up", "down"):
            self.assertTrue(MUCH < sum(line[way] for line in lines) < MUCH * 1.02, way)
