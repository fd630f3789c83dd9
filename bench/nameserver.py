"""A name server that knows every name: `python bench/nameserver.py ADDRESS`, loopback only, by UDP.

Every name has ADDRESS as its only address.  A label such as `d50` has a question answered fifty milliseconds later.
It says at which port it listens.
"""

from __future__ import annotations

import ipaddress
import re
import select
import socket
import sys
import time
from heapq import heappop, heappush
from itertools import count

A = b"\x00\x01"
TTL = 300
DELAY = re.compile(rb"[\x02-\x06]d([0-9]{1,5})(?=[\x01-\x3f])")

Waiting = tuple[float, int, bytes, tuple[str, int]]


def answer(question: bytes, address: bytes) -> bytes:
    """To a message with one question and nothing else."""
    has = question[-4:-2] == A
    flags = b"\x81\x80\x00\x01" + (b"\x00\x01" if has else b"\x00\x00") + b"\x00\x00\x00\x00"
    record = b"\xc0\x0c\x00\x01\x00\x01" + TTL.to_bytes(4, "big") + b"\x00\x04" + address if has else b""
    return question[:2] + flags + question[12:] + record


def delay(question: bytes) -> float:
    """Seconds, by a label of the name."""
    found = DELAY.search(question.lower(), 12)
    return int(found[1]) / 1000 if found else 0.0


def serve(listening: socket.socket, address: bytes) -> None:
    waiting: list[Waiting] = []
    order = count()
    while True:
        rest = max(waiting[0][0] - time.monotonic(), 0) if waiting else None
        if select.select([listening], [], [], rest)[0]:
            for _ in range(64):
                try:
                    question, asker = listening.recvfrom(512)
                except BlockingIOError:
                    break
                seconds = delay(question)
                if seconds:
                    heappush(waiting, (time.monotonic() + seconds, next(order), question, asker))
                else:
                    listening.sendto(answer(question, address), asker)
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, question, asker = heappop(waiting)
            listening.sendto(answer(question, address), asker)


def main(address: str) -> None:
    listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    listening.bind(("127.0.0.1", 0))
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    listening.setblocking(False)
    print(listening.getsockname()[1], flush=True)
    serve(listening, ipaddress.IPv4Address(address).packed)


if __name__ == "__main__":
    main(sys.argv[1])
