"""New TLS connections, one after the other by each client: `python bench/handshakes.py PORT NAME CLIENTS SECONDS`.

Each connection asks for the name, has one GET answered, and ends; no session is resumed and no certificate checked.
It prints a line of figures as pload does.
"""

from __future__ import annotations

import socket
import ssl
import sys
import threading
import time

PATIENCE = 10.0


class Client:
    """Connects again and again until the time is over."""

    def __init__(self, port: int, name: str, over: float) -> None:
        self._place = "127.0.0.1", port
        self._name = name
        self._over = over
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._context.check_hostname = False
        self._context.verify_mode = ssl.CERT_NONE
        self._context.set_alpn_protocols(["http/1.1"])
        self._asking = f"GET / HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode()
        self.ok = self.bad = self.resumed = 0
        self.took: list[float] = []

    def run(self) -> None:
        while (began := time.perf_counter()) < self._over:
            try:
                good = self._once()
            except OSError:
                good = False
            self.ok += good
            self.bad += not good
            self.took.append(time.perf_counter() - began)

    def _once(self) -> bool:
        with socket.create_connection(self._place, PATIENCE) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._context.wrap_socket(plain, server_hostname=self._name, suppress_ragged_eofs=True) as secure:
                self.resumed += bool(secure.session_reused)
                secure.sendall(self._asking)
                said = secure.recv(65536)
                while more := secure.recv(65536):
                    said += more
        return said.startswith(b"HTTP/1.1 200 ")


def main(port: str, name: str, clients: str, seconds: str) -> None:
    began = time.perf_counter()
    all_ = [Client(int(port), name, began + float(seconds)) for _ in range(int(clients))]
    threads = [threading.Thread(target=client.run) for client in all_]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = sorted(each for client in all_ for each in client.took)
    spent = time.perf_counter() - began
    ok, bad = sum(client.ok for client in all_), sum(client.bad + client.resumed for client in all_)
    print(f"ok={ok} bad={bad} err=0 seconds={spent:.6f} p99={took[int(0.99 * (len(took) - 1))] * 1e6:.0f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
