"""The proxy's own answers."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from meshd.http1.errors import BadMessage
from meshd.http1.target import read_target
from meshd.model import Refusal
from meshd.passing.faults import STATUS_REASONS
from meshd.proxy import replies

# RFC 9209, sections 2.1.1 and 2.3: what may stand in `error`.
ERROR_TYPES = {
    "dns_timeout",
    "dns_error",
    "destination_not_found",
    "destination_unavailable",
    "destination_ip_prohibited",
    "destination_ip_unroutable",
    "connection_refused",
    "connection_terminated",
    "connection_timeout",
    "connection_read_timeout",
    "connection_write_timeout",
    "connection_limit_reached",
    "tls_protocol_error",
    "tls_certificate_error",
    "tls_alert_received",
    "http_request_error",
    "http_request_denied",
    "http_response_incomplete",
    "http_response_header_section_size",
    "http_response_header_size",
    "http_response_body_size",
    "http_response_trailer_section_size",
    "http_response_trailer_size",
    "http_response_transfer_coding",
    "http_response_content_coding",
    "http_response_timeout",
    "http_upgrade_failed",
    "http_protocol_error",
    "proxy_internal_response",
    "proxy_internal_error",
    "proxy_configuration_error",
    "proxy_loop_detected",
}

# RFC 8941: an item, a token, with parameters that are tokens or strings.
_TOKEN = r"[A-Za-z*][A-Za-z0-9:/!#$%&'*+.^_`|~-]*"
_STRING = r'"(?:[ !#-\[\]-~]|\\["\\])*"'
STATUS_ITEM = re.compile(rf"{_TOKEN}(?:; ?[a-z*][a-z0-9_.*-]*=(?:{_TOKEN}|{_STRING}))*")

CONTRACT = {
    "auth-required": (407, "Proxy Authentication Required", "http_request_denied"),
    "auth-invalid": (407, "invalid credentials", "http_request_denied"),
    "auth-banned": (407, "too many failures", "http_request_denied"),
    "account-inactive": (402, "account inactive", "http_request_denied"),
    "proxy-not-authorized": (402, "proxy not authorized", "http_request_denied"),
    "quota-monthly": (509, "bandwidth limit exceeded", "http_request_denied"),
    "quota-total": (509, "bandwidth limit exceeded", "http_request_denied"),
    "quota-parent": (509, "bandwidth limit exceeded", "http_request_denied"),
    "rate-tunnels": (429, "", ""),
    "rate-requests": (429, "", ""),
    "acl-host": (403, "destination not allowed", ""),
    "acl-port": (403, "destination not allowed", ""),
    "acl-private": (403, "destination not allowed", ""),
    "bad-request": (400, "", "http_request_error"),
    "uri-too-long": (414, "", "http_request_error"),
    "fields-too-large": (431, "", "http_request_error"),
    "not-implemented": (501, "", "http_request_error"),
    "http-version": (505, "", "http_request_error"),
    "head-timeout": (408, "", "http_request_error"),
    "no-exit": (503, "no exit available", "destination_unavailable"),
    "exit-failed": (502, "exit failed", "destination_unavailable"),
    "exit-refused": (502, "exit refused", "destination_unavailable"),
    "session-exit-gone": (502, "session exit gone", "destination_unavailable"),
    "bad-selection": (400, "bad selection", "http_request_error"),
    "dns-error": (502, "", "dns_error"),
    "connection-refused": (502, "", "connection_refused"),
    "connection-timeout": (504, "timed out", "connection_timeout"),
    "first-byte-timeout": (504, "timed out", ""),
    "internal": (500, "internal error", "proxy_internal_error"),
}


def read(answer: bytes) -> tuple[bytes, dict[str, list[str]], bytes]:
    """Status line, fields by lower-case name, body."""
    head, _, body = answer.partition(b"\r\n\r\n")
    line, *fields = head.split(b"\r\n")
    found: dict[str, list[str]] = {}
    for field in fields:
        name, _, value = field.decode("ascii").partition(": ")
        found.setdefault(name.lower(), []).append(value)
    return line, found, body


class EveryReasonTest(SynchronousTestCase):
    def test_three_places(self) -> None:
        """The same text stands in the reason phrase, in X-ProxyMesh-Error and at the end of the body."""
        for reason, row in replies.REASONS.items():
            for detail in ("", "what it was"):
                line, fields, body = read(replies.refusal(Refusal(reason, detail), "id-1", keep=True))
                self.assertEqual(line, f"HTTP/1.1 {row.status} {row.phrase}".encode())
                self.assertEqual(fields["x-proxymesh-error"], [row.phrase])
                end = "" if reason == "proxy-not-authorized" else "\n"
                self.assertTrue(body.decode("ascii").endswith(row.phrase + end), body)
                self.assertEqual(fields["content-length"], [str(len(body))])
                self.assertEqual(fields["content-type"], ["text/plain; charset=us-ascii"])

    def test_words_alone(self) -> None:
        """Whoever sees them without their number learns who has refused, but where documents fix other words."""
        fixed = {phrase for _, phrase, _ in CONTRACT.values()}
        for reason, row in replies.REASONS.items():
            if row.phrase not in fixed:
                self.assertNotRegex(
                    row.phrase, r"^(connection|name|overloaded|timed out)|^(response|invalid)(?!.* destination)", reason
                )
            self.assertLess(len(row.phrase), 50)

    def test_the_rule(self) -> None:
        """A broken rule stands in all three places, and once in the body."""
        bad = self.assertRaises(BadMessage, read_target, b"GET", b"https://a/")
        no = Refusal("not-implemented", bad.rule, words=bad.words)
        line, fields, body = read(replies.refusal(no, "id-1", keep=False))
        self.assertEqual(line, b"HTTP/1.1 501 use CONNECT for https")
        self.assertEqual(fields["x-proxymesh-error"], ["use CONNECT for https"])
        self.assertEqual(body, b"an https:// target has to come through CONNECT\nuse CONNECT for https\n")
        bad = self.assertRaises(BadMessage, read_target, b"GET", b"http://a/#b")
        _, _, body = read(replies.refusal(Refusal("bad-request", bad.rule, words=bad.words), "id-1", keep=False))
        self.assertEqual(body, b"a fragment in the target\n")

    def test_proxy_status(self) -> None:
        """Each carries a Proxy-Status of RFC 9209's grammar with one of its error types, the reason and the id."""
        for reason, row in replies.REASONS.items():
            _, fields, _ = read(replies.refusal(Refusal(reason, 'a "quoted\\" detail'), "id-1", keep=False))
            (status,) = fields["proxy-status"]
            self.assertTrue(STATUS_ITEM.fullmatch(status), status)
            self.assertIn(row.error, ERROR_TYPES)
            self.assertTrue(status.startswith(f'meshd; error={row.error}; details="{reason}'), status)
            self.assertTrue(status.endswith('; request-id="id-1"'), status)

    def test_contract(self) -> None:
        """Statuses, phrases and error types are those that the contract promises."""
        for reason, (status, phrase, error) in CONTRACT.items():
            row = replies.REASONS[reason]
            self.assertEqual(row.status, status, reason)
            self.assertIn(phrase, {"", row.phrase}, reason)
            self.assertIn(error, {"", row.error}, reason)

    def test_challenges(self) -> None:
        """A 407 challenges with Basic first, then Bearer; nothing else challenges."""
        for reason, row in replies.REASONS.items():
            _, fields, _ = read(replies.refusal(Refusal(reason), "id", keep=True))
            wanted = ['Basic realm="meshd", charset="UTF-8"', 'Bearer realm="meshd"'] if row.status == 407 else None
            self.assertEqual(fields.get("proxy-authenticate"), wanted, reason)

    def test_statuses_have_reasons(self) -> None:
        """Each status that the readers of messages ask for has a reason of that status."""
        for status, reason in STATUS_REASONS.items():
            self.assertEqual(replies.REASONS[reason].status, status)


class BytesTest(SynchronousTestCase):
    def test_refusal(self) -> None:
        """A refusal, byte for byte."""
        self.assertEqual(
            replies.refusal(Refusal("auth-banned", retry_after=9000), "ab-1", keep=False),
            b"HTTP/1.1 407 too many failures\r\n"
            b"X-ProxyMesh-Error: too many failures\r\n"
            b'Proxy-Status: meshd; error=http_request_denied; details="auth-banned"; request-id="ab-1"\r\n'
            b"Retry-After: 9000\r\n"
            b"Content-Type: text/plain; charset=us-ascii\r\n"
            b"Cache-Control: no-store\r\n"
            b"Content-Length: 18\r\n"
            b"Connection: close\r\n"
            b'Proxy-Authenticate: Basic realm="meshd", charset="UTF-8"\r\n'
            b'Proxy-Authenticate: Bearer realm="meshd"\r\n'
            b"\r\n"
            b"too many failures\n",
        )

    def test_the_operators_words(self) -> None:
        """Stand at the same three places; the reason stays."""
        refusal = Refusal("acl-account", "a.example port 80", words='Ask "us" first')
        answer = replies.refusal(refusal, "ab-1", keep=False)
        self.assertTrue(answer.startswith(b'HTTP/1.1 403 Ask "us" first\r\nX-ProxyMesh-Error: Ask "us" first\r\n'))
        self.assertIn(b'details="acl-account: a.example port 80"', answer)
        self.assertTrue(answer.endswith(b'a.example port 80\nAsk "us" first\n'))

    def test_established(self) -> None:
        """The 200 of CONNECT, byte for byte: no length, no body."""
        self.assertEqual(
            replies.established("198.51.100.7", "", "ab-2"),
            b"HTTP/1.1 200 Connection established\r\nX-ProxyMesh-IP: 198.51.100.7\r\n"
            b'Proxy-Status: meshd; request-id="ab-2"\r\n\r\n',
        )
        self.assertIn(b"\r\nX-ProxyMesh-IP-Not-Found: 1.2.3.4\r\n", replies.established("x", "1.2.3.4", "ab-2"))

    def test_internal(self) -> None:
        """The answer of meshd.internal, byte for byte."""
        self.assertEqual(
            replies.own(replies.Content("application/json", b"{}\n"), "ab-3", keep=True),
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 3\r\nCache-Control: no-store\r\n"
            b'Proxy-Status: meshd; request-id="ab-3"\r\nConnection: keep-alive\r\n\r\n{}\n',
        )

    def test_head(self) -> None:
        """HEAD is told the length of a body that it does not get."""
        _, fields, body = read(replies.refusal(Refusal("acl-port", "port 25"), "id", keep=True, with_body=False))
        self.assertEqual((fields["content-length"], body), ([str(len("port 25\ndestination not allowed\n"))], b""))

    def test_detail_cannot_break_out(self) -> None:
        """Whatever a detail holds, no line and no field comes of it, and it is cut."""
        nasty = "x\r\nSet-Cookie: a=b\r\n\r\n\x00\x1b[31m\u20ac" + "y" * 500
        answer = replies.refusal(Refusal("bad-request", nasty), "id", keep=True)
        _, fields, body = read(answer)
        self.assertNotIn("set-cookie", fields)
        self.assertTrue(answer.isascii())
        self.assertLess(len(body), 300)
        self.assertTrue(STATUS_ITEM.fullmatch(fields["proxy-status"][0]))
