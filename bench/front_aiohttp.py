"""A reverse proxy as one is written with aiohttp: `python bench/front_aiohttp.py HTTP HTTPS ORIGIN FOLDER`."""

from __future__ import annotations

import asyncio
import logging
import ssl
import sys
from pathlib import Path

from aiohttp import ClientSession, ClientTimeout, TCPConnector, web

ONE_HOP = frozenset({"connection", "keep-alive", "te", "transfer-encoding", "upgrade", "content-length"})


class Front:
    def __init__(self, session: ClientSession, origin: str) -> None:
        self._session = session
        self._origin = origin

    async def serve(self, request: web.Request) -> web.StreamResponse:
        fields = [(name, value) for name, value in request.headers.items() if name.lower() not in ONE_HOP]
        peer = request.remote or ""
        fields += [("X-Real-IP", peer), ("X-Forwarded-For", peer), ("X-Forwarded-Proto", request.scheme)]
        fields.append(("X-Forwarded-Host", request.host))
        url = f"http://{self._origin}{request.raw_path}"
        body = request.content if request.can_read_body else None
        async with self._session.request(
            request.method, url, headers=fields, data=body, allow_redirects=False
        ) as answer:
            passed = [(name, value) for name, value in answer.headers.items() if name.lower() not in ONE_HOP]
            response = web.StreamResponse(status=answer.status)
            response.headers.extend(passed)
            response.content_length = answer.content_length
            await response.prepare(request)
            async for piece in answer.content.iter_any():
                await response.write(piece)
            await response.write_eof()
            return response


async def main(http: str, https: str, origin: str, folder: str) -> None:
    logging.basicConfig(filename=Path(folder, "access.log"), level=logging.INFO)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(Path(folder, "both.pem"))
    connector = TCPConnector(limit=0)
    async with ClientSession(connector=connector, auto_decompress=False, timeout=ClientTimeout(60)) as session:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", Front(session, origin).serve)
        runner = web.AppRunner(app, access_log=logging.getLogger("access"))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", int(http)).start()
        await web.TCPSite(runner, "127.0.0.1", int(https), ssl_context=context).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
