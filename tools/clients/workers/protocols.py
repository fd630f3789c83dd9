"""Libraries of Python that speak something else, or ask for something else than a page."""

from __future__ import annotations

from asking import PATIENCE, SHAKEN, Task


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
    return SHAKEN


def with_websockets(task: Task) -> str:
    from websockets.sync.client import connect

    context = {"ssl": task.context} if task.tls else {}
    made = connect(task.url.replace("http", "ws", 1), proxy=task.link, open_timeout=PATIENCE, **context)
    made.close()
    return SHAKEN


def with_grpcio(task: Task) -> str:
    """A word goes to a server of its own in this process, and back."""
    from concurrent.futures import ThreadPoolExecutor

    import grpc

    handler = grpc.unary_unary_rpc_method_handler(lambda request, context: request)
    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("it", {"Echo": handler}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.http_proxy", task.link)]) as channel:
            return str(channel.unary_unary("/it/Echo")(SHAKEN.encode(), timeout=PATIENCE).decode())
    finally:
        server.stop(0)


def with_paho(task: Task) -> str:
    """A broker of its own in this process takes it in."""
    import socket
    import threading

    import socks
    from paho.mqtt.client import CallbackAPIVersion, Client

    broker = socket.create_server(("127.0.0.1", 0))
    said: list[str] = []

    def serve() -> None:
        taken, _ = broker.accept()
        with taken:
            taken.recv(4096)
            taken.sendall(b"\x20\x02\x00\x00")
            taken.recv(4096)

    threading.Thread(target=serve, daemon=True).start()
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect_timeout = PATIENCE
    client.on_connect = lambda client, *others: (said.append(SHAKEN), client.disconnect())
    kind = socks.SOCKS5 if task.socks else socks.HTTP
    login = {"proxy_username": task.username, "proxy_password": task.password}
    client.proxy_set(proxy_type=kind, proxy_addr=task.host, proxy_port=task.port, **login)
    with broker:
        client.connect("127.0.0.1", broker.getsockname()[1])
        client.loop_forever()
    return "".join(said)


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


def with_dulwich(task: Task) -> str:
    """The origin is no repository, as it finds once it has come to it."""
    from dulwich.client import HttpGitClient
    from dulwich.config import ConfigDict

    config = ConfigDict()
    config.set((b"http",), b"proxy", task.link.encode())
    config.set((b"http",), b"sslCAInfo", task.ca.encode())
    base, _, path = task.url.rpartition("/")
    return str(HttpGitClient(base, config=config).get_refs(f"/{path}".encode()))
