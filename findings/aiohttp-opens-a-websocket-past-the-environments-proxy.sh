#!/usr/bin/env bash
# aiohttp with trust_env=True takes its proxy from http_proxy and https_proxy.  A WebSocket begins as an HTTP request.
#
# Guess: with both variables set, ws:// goes by the proxy of http_proxy and wss:// by the proxy of https_proxy, as
#   http:// and https:// do, and as the websockets library does under the same variables.
# Seen with aiohttp 3.14.5 and websockets 17.4: aiohttp sends http:// to the proxy and opens ws:// and wss:// directly,
#   without a word.  Only ws_proxy and wss_proxy, which hardly any environment sets, bring its WebSockets to the proxy.
#   websockets sends both to the proxy.  One program that uses both libraries has two addresses at one origin.
#
# Needs: python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'aiohttp==3.14.5' 'websockets==17.4' 2>/dev/null

cat > ways.py <<'PYTHON'
import asyncio, os, sys
import aiohttp, websockets

REFUSAL = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


async def main():
    arrived = []

    def listener(name):
        async def answer(reader, writer):
            arrived.append(name)
            await reader.read(4096)
            writer.write(REFUSAL)
            writer.close()

        return asyncio.start_server(answer, "127.0.0.1", 0)

    proxy, origin = await listener("proxy"), await listener("origin")
    by = "http://127.0.0.1:%d" % proxy.sockets[0].getsockname()[1]
    at = "127.0.0.1:%d" % origin.sockets[0].getsockname()[1]
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            del os.environ[name]

    async def way(open_it):
        arrived.clear()
        try:
            await asyncio.wait_for(open_it(), 10)
        except (aiohttp.ClientError, websockets.WebSocketException, OSError):
            pass
        return arrived[0] if arrived else "nowhere"

    seen = {}
    for variables in ("http_proxy https_proxy", "ws_proxy wss_proxy"):
        for variable in variables.split():
            os.environ[variable] = by
        for scheme in ("http", "ws", "wss"):
            async with aiohttp.ClientSession(trust_env=True) as session:
                ask = session.get if scheme == "http" else session.ws_connect
                seen["aiohttp", scheme, variables] = await way(lambda: ask(f"{scheme}://{at}/"))
            if scheme != "http":
                seen["websockets", scheme, variables] = await way(lambda: websockets.connect(f"{scheme}://{at}/"))
        for variable in variables.split():
            del os.environ[variable]
    for (library, scheme, variables), where in seen.items():
        print(f"{variables:24}{library:12}{scheme:6}{where}")
    usual, rare = "http_proxy https_proxy", "ws_proxy wss_proxy"
    expected = [("aiohttp", "http", usual, "proxy"),
                ("aiohttp", "ws", usual, "origin"), ("aiohttp", "wss", usual, "origin"),
                ("websockets", "ws", usual, "proxy"), ("websockets", "wss", usual, "proxy"),
                ("aiohttp", "ws", rare, "proxy"), ("aiohttp", "wss", rare, "proxy")]
    sys.exit(any(seen[key[:3]] != key[3] for key in expected))


asyncio.run(main())
PYTHON
venv/bin/python ways.py
