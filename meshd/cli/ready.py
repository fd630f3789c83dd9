"""`meshd ready` asks the running daemon's API whether it can serve, as health checks of containers and services do."""

from __future__ import annotations

import json
import ssl
from argparse import Namespace
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException, HTTPSConnection

from meshd.cli.context import Context
from meshd.cli.errors import Refused
from meshd.cli.parser import Verbs
from meshd.cli.values import seconds
from meshd.config.endpoints import TCP, parsed, reached

PATIENCE = 8.0
"""Seconds to wait for the answer by default: the daemon takes five at most for its checks."""

PATH = "/readyz"


def add_to(top: Verbs) -> None:
    parser = top.verb("ready", ready, "whether the running daemon can serve: its store answers, its listeners are open")
    parser.add_argument("--wait", type=seconds, default=PATIENCE, metavar="SECONDS", help=f"at most ({PATIENCE:g})")


def ready(context: Context, args: Namespace) -> None:
    config = context.config
    place = asked(config.api_listen)
    if place is None:
        raise Refused(f"no listener of the API can be asked: {', '.join(config.api_listen)} has no plain TCP port")
    status, said = _ask(place, args.wait, tls=config.api_tls)
    if status != 200:
        raise Refused(f"not ready: {said or f'{PATH} answers {status}'}")
    context.show({"ready": True}, {"ready": "yes"})


def asked(listen: Iterable[str]) -> tuple[str, int] | None:
    """Host and port of the first endpoint that this machine can ask; None where there is none.

    A port that the kernel chooses is not known here, and one for balancers alone wants a PROXY header.
    """
    for text in listen:
        endpoint = parsed(text)
        if isinstance(endpoint.place, TCP) and endpoint.place.port and not endpoint.haproxy:
            return reached(text, endpoint.place.port)
    return None


def unwell(body: bytes) -> str:
    """The checks that failed, by an answer that is not 200; "" where it tells none."""
    try:
        checks = json.loads(body)["checks"]
        return ", ".join(str(name) for name, well in checks.items() if well is not True)
    except (ValueError, KeyError, TypeError, AttributeError):
        return ""


def _ask(place: tuple[str, int], patience: float, *, tls: bool) -> tuple[int, str]:
    """The status of the answer, and what is not well.  Raises: Refused.

    No certificate is verified: nothing secret is said, the name need not be this machine's, and the daemon's own
    certificate is nobody's.
    """
    host, port = place
    if tls:
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection: HTTPConnection = HTTPSConnection(host, port, timeout=patience, context=context)
    else:
        connection = HTTPConnection(host, port, timeout=patience)
    try:
        connection.request("GET", PATH)
        answer = connection.getresponse()
        return answer.status, unwell(answer.read(65536))
    except (OSError, HTTPException) as error:
        raise Refused(f"the API at {host} port {port} does not answer: {str(error) or type(error).__name__}") from error
    finally:
        connection.close()
