"""Programs as people have them on a server: a page through the proxy, and what a wrong password looks like."""

from __future__ import annotations

import re
from collections.abc import Callable

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.programs import PAGE, PROGRAMS, missing, run
from tests.support.daemon import LiveDaemon, until
from tests.support.origin import RecordingOrigin

PASSWORD = "pass:word"
"""With a colon, which some programs need escaped, and some of these send on so."""

daemon: LiveDaemon
origins: dict[str, RecordingOrigin]


def setUpModule() -> None:
    global daemon, origins  # noqa: PLW0603
    daemon = LiveDaemon(config="[limits]\nflush_seconds = 0.05\nnames_per_address = 1000\n")
    origins = {"http": RecordingOrigin(), "https": RecordingOrigin(tls=True)}


def tearDownModule() -> None:
    for origin in origins.values():
        origin.close()
    daemon.close()


class ProgramsTest(SynchronousTestCase):
    def passes(self, name: str, scheme: str, account: str) -> None:
        """Refused with a wrong password, once for all of its tries; then through with the right one, and billed."""
        program = PROGRAMS[name]
        if missing(program):
            raise SkipTest(f"no program {program.needs}")
        origin, proxy = origins[scheme], f"127.0.0.1:{daemon.proxy_port}"
        daemon.account(account, PASSWORD)
        before = origin.accepted
        refused = run(program, origin.url("/echo"), proxy, account, "wrong")
        self.assertEqual(origin.accepted, before, refused)
        if scheme not in program.silent:
            self.assertRegex(refused.text, re.compile(program.refusal))
        origin.forget()
        said = run(program, origin.url("/echo"), proxy, account, PASSWORD)
        until(lambda: origin.requests, f"{said}")
        request = origin.requests[0]
        host = request.field("host") or ""
        self.assertEqual(host.replace("localhost.", "127.0.0.1").replace("localhost", "127.0.0.1"), origin.authority)
        if scheme == "http":  # within TLS nobody can take anything off: apt and wget tell such fields to the origin
            self.assertEqual([each for each in request.names if each.startswith("proxy-")], [], said)
        if program.shows:
            self.assertIn(PAGE.decode(), said.text)
        until(lambda: daemon.total(account) > 0, "it is booked")


def _add(name: str, scheme: str, number: int) -> None:
    def test(self: ProgramsTest) -> None:
        self.passes(name, scheme, f"program{number}{scheme}")

    test.__doc__ = f"{name}, to {scheme}."
    words = re.sub("[^a-z0-9]+", "_", name.lower()).strip("_")
    test.__name__ = test.__qualname__ = f"test_{words}_{scheme}"
    made: Callable[[ProgramsTest], None] = test
    setattr(ProgramsTest, test.__name__, made)


for _number, (_name, _program) in enumerate(PROGRAMS.items()):
    for _scheme in _program.schemes:
        _add(_name, _scheme, _number)
