"""An upstream's final response, and the head that the client of a published host gets of it."""

from __future__ import annotations

from meshd.hosts.fieldrules import FieldRules, Known
from meshd.http1.render import render_response
from meshd.passing.response import Response

DROPPED = frozenset({b"transfer-encoding"})
WITHOUT_LENGTH = DROPPED | {b"content-length"}
_HSTS = b"strict-transport-security"


class HostResponse(Response):
    __slots__ = ()

    dropped = DROPPED
    bodiless = WITHOUT_LENGTH
    ours = ()

    @property
    def upgrade(self) -> list[bytes]:
        """The protocols that a 101 names."""
        return self._head.fields.tokens(b"upgrade")

    def render(self, minor: int, keep: bool, hsts: str, rules: FieldRules, known: Known | None) -> bytes:
        """The head for the client: the upstream's end-to-end fields in their order and case, as the host's rules have
        them, and our framing.

        minor: of the client's HTTP version; hsts: the value of Strict-Transport-Security, "" to leave the upstream's.
        """
        asked = minor, keep, hsts, rules, known
        if self._rendered is not None and self._rendered[0] == asked:
            return self._rendered[1]
        fields = self.fields_for(minor)
        if hsts:
            fields = [pair for pair in fields if pair[0].lower() != _HSTS]
            fields.append((b"Strict-Transport-Security", hsts.encode("ascii")))
        if known is not None:
            fields = rules.apply(fields, known)
        if self.status == 101:
            fields += [(b"Connection", b"Upgrade"), (b"Upgrade", b", ".join(self.upgrade))]
        elif not keep:
            fields.append((b"Connection", b"close"))
        elif minor == 0:
            fields.append((b"Connection", b"keep-alive"))
        rendered = render_response(self.status, self._head.reason, fields)
        self._rendered = asked, rendered
        return rendered
