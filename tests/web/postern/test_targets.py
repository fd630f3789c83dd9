"""What a path is about, and what a secret is for, by how they are written."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.postern import secrets
from meshd.web.postern.targets import target_of


class TargetTests(SynchronousTestCase):
    def test_paths(self) -> None:
        for path, target in (
            ("/api/proxy-hosts", ("proxy_host", 0)),
            ("/api/proxy-hosts/3", ("proxy_host", 3)),
            ("/api/port-forwards/12/enable", ("port_forward", 12)),
            ("/api/nginx/streams/7", ("stream_host", 7)),
            ("/api/nginx/certificates/dns-providers", ("certificate", 0)),
            ("/api/audit-log", ("audit_log", 0)),
            ("/api/", ("", 0)),
            ("/api/nginx", ("", 0)),
            ("/api/proxy-hosts/9999999999999999999", ("proxy_host", 0)),
            ("/api/proxy-hosts/-3", ("proxy_host", 0)),
            ("/api/nonsense/3", ("", 0)),
        ):
            self.assertEqual(target_of(path), target, path)

    def test_an_access_token_is_told_from_a_session(self) -> None:
        """By its beginning, in any spelling of the scheme; what is no bearer's is neither."""
        for prefix, is_one in ((secrets.ACCESS, True), (secrets.SESSION, False), (secrets.REFRESH, False)):
            secret = secrets.drawn(bytes, prefix).encode()
            for scheme in (b"Bearer ", b"bearer  ", b"BEARER "):
                self.assertEqual(secrets.is_access_token(scheme + secret), is_one)
            self.assertFalse(secrets.is_access_token(b"Basic " + secret))
        self.assertFalse(secrets.is_access_token(None))
        self.assertEqual(secrets.bearer(b"Bearer pp_x "), "pp_x")
