"""What servers of tests have in common: a port of 127.0.0.1, and a thread for each client."""

from __future__ import annotations

import contextlib
import socket
import threading


class Served:
    """Subclasses say what a client gets, and begin once they are made."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    def begin(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no further client."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # or the thread would wait for one more
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        """Talk to a client, in a thread of its own, and close the socket."""
        raise NotImplementedError
