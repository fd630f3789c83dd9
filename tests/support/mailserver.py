"""A mail server on loopback that takes every letter, or says that it is busy."""

from __future__ import annotations

import socketserver
import threading


class MailServer:
    """Takes letters in threads of its own; `letters` has their bytes."""

    def __init__(self) -> None:
        self.letters: list[bytes] = []
        self.busy = False
        house = self

        class Talk(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                house.talk(self.rfile, self.wfile)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Talk)
        self._server.daemon_threads = True
        self.port = int(self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def talk(self, read, write) -> None:  # type: ignore[no-untyped-def]
        """One conversation, from the greeting to QUIT."""
        write.write(b"220 here\r\n")
        for line in read:
            word = line.split()[0].upper() if line.split() else b""
            if word == b"DATA":
                write.write(b"354 go on\r\n")
                self.letters.append(b"".join(iter(read.readline, b".\r\n")))
                write.write(b"250 taken\r\n")
            elif word == b"QUIT":
                write.write(b"221 bye\r\n")
                return
            elif word == b"RCPT" and self.busy:
                write.write(b"451 busy\r\n")
            else:
                write.write(b"250 yes\r\n")
