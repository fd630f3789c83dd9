"""A handshake with an upstream proxy, carried out on a wire."""

from __future__ import annotations

from meshd.exits.handshake import Handshake, Refused
from meshd.model import Refusal
from meshd.sockets.ends import Stopped
from meshd.sockets.race import Blame, DialError
from meshd.sockets.wire import Wire

EXIT_FAILED = Refusal("exit-failed")


async def agreed(wire: Wire, talk: Handshake) -> bytes:
    """Carry out a handshake; gives the bytes after it.  A proxy is to blame until it was asked for the destination.
    Raises: DialError, Stopped.
    """
    try:
        await wire.send(talk.begin())
        while not talk.done:
            data = await wire.receive()
            if not data:
                raise DialError(EXIT_FAILED, "either" if talk.asked else "exit", "exit-ended")
            said = talk.feed(data)
            if said:
                await wire.send(said)
    except OSError:
        raise DialError(EXIT_FAILED, "either" if talk.asked else "exit", "exit-ended") from None
    except Stopped as stop:
        stop.blameless = talk.asked
        raise
    except Refused as no:
        blame: Blame = "exit" if no.own_fault else "destination" if no.reason == "connection-refused" else "either"
        raise DialError(Refusal(no.reason), blame, no.cause, answered=not no.own_fault) from None
    return talk.rest
