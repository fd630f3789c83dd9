"""tiny-proxy as its documentation has it: `python serve_tiny.py http|socks5 PORT USERNAME PASSWORD`.

`tools/exits/packages.py` runs it in an environment that holds that package and nothing of meshd.
"""

import sys

import anyio
import tiny_proxy


async def main(kind: str, port: str, username: str, password: str) -> None:
    handlers = {"http": tiny_proxy.HttpProxyHandler, "socks5": tiny_proxy.Socks5ProxyHandler}
    handler = handlers[kind](username=username, password=password)
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=int(port))
    await listener.serve(handler.handle)


anyio.run(main, *sys.argv[1:])
