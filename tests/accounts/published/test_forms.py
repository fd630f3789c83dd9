"""JSON becomes a resource, or every problem is told by its member."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from meshd.accounts.errors import Invalid
from meshd.accounts.published import forms
from meshd.accounts.published.shapes import SHAPES
from meshd.values.published import Kind
from tests.accounts.published.support import SAMPLES
from tests.accounts.support import named

HOST = SAMPLES["proxy-hosts"]
LOCATION = {"path": "/api", "forward_scheme": "https", "forward_host": "api", "forward_port": 8443}
RULE = {"direction": "request", "operation": "set", "name": "X-Real-IP", "value": "{remote_host}"}


class FormCase(SynchronousTestCase):
    def read(self, member: str, value: Any, kind: Kind = "proxy-hosts") -> Any:
        """The canonical value of one member."""
        (found,) = forms.read(kind, {member: value}).values()
        return found

    def problems(self, kind: Kind, members: Any) -> dict[str, list[str]]:
        return dict(self.assertRaises(Invalid, forms.read, kind, members).messages)

    def refuses(self, member: str, *values: Any, kind: Kind = "proxy-hosts") -> None:
        for value in values:
            with named((member, value)):
                self.assertEqual(list(self.problems(kind, {member: value})), [member])


class ShapeTests(FormCase):
    """Each kind, as a whole."""

    def test_the_example_of_the_document(self) -> None:
        """With every member, and what is not given as it is then."""
        given = {
            "domain_names": ["app.example.com"],
            "forward_scheme": "http",
            "forward_host": "192.168.1.10",
            "forward_port": 3000,
            "ssl_forced": True,
            "enabled": True,
        }
        whole = forms.whole("proxy-hosts", forms.read("proxy-hosts", given))
        self.assertEqual(whole, {**whole, **given})
        self.assertEqual(set(whole), set(SHAPES["proxy-hosts"].members))
        self.assertEqual((whole["certificate_id"], whole["locations"], whole["meta"]), (0, [], {}))
        self.assertTrue(forms.wants_certificate(whole))

    def test_what_is_told_can_be_sent_again(self) -> None:
        """The canonical form of every kind is read as itself."""
        for kind, sample in SAMPLES.items():
            with named(kind):
                whole = forms.whole(kind, forms.read(kind, sample))
                own = {"expires", "state", "problem", "automatic"} if kind == "certificates" else set()
                again = forms.read(kind, {name: value for name, value in whole.items() if name not in own})
                self.assertEqual(forms.whole(kind, again, whole), whole)

    def test_unknown_members_are_refused_by_name(self) -> None:
        """With the known one that looks like it; all problems at once."""
        found = self.problems("proxy-hosts", {**HOST, "foward_host": "a", "id": 3, "forward_port": 0})
        self.assertEqual(set(found), {"foward_host", "id", "forward_port"})
        self.assertEqual(found["foward_host"], ["There is no such field (did you mean forward_host?)."])
        self.assertEqual(forms.read("proxy-hosts", {"id": 3}, ignored=("id",)), {})

    def test_what_is_missing_is_told(self) -> None:
        """For each kind, and for a new one alone."""
        for kind, fields in {
            "proxy-hosts": {"domain_names", "forward_host", "forward_port"},
            "redirection-hosts": {"domain_names", "forward_domain_name"},
            "dead-hosts": {"domain_names"},
            "stream-hosts": {"incoming_port", "forward_host", "forward_port"},
            "port-forwards": {"incoming_port", "forward_host", "forward_port"},
            "access-lists": {"name"},
            "certificates": {"domain_names"},
        }.items():
            with named(kind):
                error = self.assertRaises(Invalid, forms.whole, kind, {})
                self.assertEqual(error.messages, {field: [forms.REQUIRED] for field in fields})
                sample = forms.whole(kind, SAMPLES[kind])  # type: ignore[arg-type]
                self.assertEqual(forms.whole(kind, {}, sample), sample)  # type: ignore[arg-type]

    def test_other_names_of_members(self) -> None:
        """As other clients call them, unless the two say different things."""
        for kind, alias, name, value in (
            ("proxy-hosts", "websocket", "allow_websocket_upgrade", False),
            ("proxy-hosts", "cache_assets", "caching_enabled", True),
            ("redirection-hosts", "forward_http_code", "http_code", 308),
            ("stream-hosts", "forwarding_host", "forward_host", "db"),
            ("stream-hosts", "forwarding_port", "forward_port", 5432),
        ):
            with named(alias):
                self.assertEqual(forms.read(kind, {alias: value}), {name: value})  # type: ignore[arg-type]
                self.assertEqual(forms.read(kind, {alias: value, name: value}), {name: value})  # type: ignore[arg-type]
        self.assertEqual(
            list(self.problems("proxy-hosts", {"allow_websocket_upgrade": True, "websocket": False})), ["websocket"]
        )

    def test_whole_copies(self) -> None:
        """What is changed of one resource is no default of the next."""
        forms.whole("proxy-hosts", HOST)["locations"].append(1)
        self.assertEqual(forms.whole("proxy-hosts", HOST)["locations"], [])


class MemberTests(FormCase):
    """Members of one value."""

    def test_names(self) -> None:
        """In lower case and ASCII; names, names with a star, addresses; no two alike."""
        names = ["App.Example.COM.", "*.example.com", "bücher.example", "192.0.2.1", "[2001:DB8::1]", "localhost"]
        wanted = ["app.example.com", "*.example.com", "xn--bcher-kva.example", "192.0.2.1", "2001:db8::1", "localhost"]
        self.assertEqual(self.read("domain_names", names), wanted)
        bad: list[Any] = ["", "a_b.c", "*", "*.*.c", "a.*.c", "*a.b", "a..b", "-a.b", "a b", "a.b/c", "1.2.3", "0x7f.1"]
        bad += [
            "x" * 64 + ".b",
            "a." * 127 + "b",
            "a.b:80",
            "http://a.test",
            "a\nb",
            "a\0b",
            "\ud800.b",
            5,
            None,
            ["a"],
            "a,b",
        ]
        bad += ["ü" * 5000, "192.0.2.1/32", "fe80::1%eth0", "xn--a.b\u200d"]
        self.refuses("domain_names", *([each] for each in bad))
        self.refuses("domain_names", [], "a.b", None, {}, ["a.b", "A.B."], [f"{n}.b" for n in range(101)])

    def test_servers(self) -> None:
        """Names with underscores too, and no star."""
        for given, wanted in (
            ("My_App", "my_app"),
            ("10.0.0.1", "10.0.0.1"),
            ("[::1]", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
        ):
            self.assertEqual(self.read("forward_host", given), wanted)
        self.refuses("forward_host", "", "*.a.b", "a b", "a/b", "user@a", "a:80", "[::1", "1.2", 3, None, "a\r\nb")

    def test_numbers_truths_and_words(self) -> None:
        """Of JSON's own kinds; 1 and 0 as databases have them."""
        self.assertEqual([self.read("forward_port", port) for port in (1, 65535)], [1, 65535])
        self.refuses("forward_port", 0, 65536, "80", 80.0, True, None, [])
        self.assertEqual([self.read("ssl_forced", raw) for raw in (True, False, 1, 0)], [True, False, True, False])
        self.refuses("ssl_forced", "true", 2, None, 1.0)
        self.refuses("forward_scheme", "ftp", "HTTP", "", None, ["http"])
        self.refuses("lb_policy", "best", None)
        self.assertEqual([self.read("certificate_id", raw) for raw in (5, 0, None, "new")], [5, 0, 0, "new"])
        self.refuses("certificate_id", -1, 2**63, "5", True, 1.5)
        self.refuses("access_list_id", -1, "new", "5")
        self.refuses("http_code", 200, 300, "301", True, None, kind="redirection-hosts")

    def test_what_would_be_written_into_another_server(self) -> None:
        """Nothing, and openly so."""
        self.assertEqual(forms.read("proxy-hosts", {"advanced_config": ""}), {"advanced_config": ""})
        self.refuses("advanced_config", "proxy_pass http://evil;", {}, 0)
        self.refuses("locations", [{**LOCATION, "advanced_config": "deny all;"}])

    def test_meta(self) -> None:
        """Whatever clients keep, of a bounded size."""
        self.assertEqual(self.read("meta", {"a": [1, {"b": None}]}), {"a": [1, {"b": None}]})
        self.refuses("meta", [], "x", None, {"a": "x" * 17000})

    def test_targets(self) -> None:
        """A host, perhaps with a port."""
        cases = {"New.Example.com": "new.example.com", "a.b:8443": "a.b:8443", "::1": "[::1]", "[::1]:80": "[::1]:80"}
        for given, wanted in {**cases, "10.0.0.1:80": "10.0.0.1:80"}.items():
            self.assertEqual(self.read("forward_domain_name", given, "redirection-hosts"), wanted)
        bad = (
            "",
            "a.b/c",
            "a.b:0",
            "a.b:65536",
            "a.b:x",
            "http://a.test",
            "a.b\r\nX: y",
            ":80",
            "a.b:",
            5,
            "a@b",
            "[::1]:0",
        )
        self.refuses("forward_domain_name", *bad, kind="redirection-hosts")

    def test_names_by_tls(self) -> None:
        """A text, several with commas, a list; no address."""
        for given, wanted in (
            ("", ""),
            ("A.b", "a.b"),
            ("a.b, *.c", "a.b, *.c"),
            (["a.b", "a.B"], "a.b"),
            (None, ""),
            ([], ""),
        ):
            self.assertEqual(self.read("sni_match", given, "stream-hosts"), wanted)
        self.refuses("sni_match", "10.0.0.1", ["::1"], "a b", 5, [5], kind="stream-hosts")


class PartTests(FormCase):
    """Members of several parts."""

    def test_times(self) -> None:
        """A text with units, or a number of seconds; within bounds."""
        for given, wanted in (
            ("60s", "60s"),
            ("1m", "1m"),
            ("1m30s", "1m30s"),
            (90, "90s"),
            (1.5, "1.5s"),
            ("1h", "1h"),
        ):
            self.assertEqual(self.read("rate_limit", {"window": given})["window"], wanted)
        for bad in (
            "",
            "60",
            "s",
            "-1s",
            "0s",
            "999d",
            "1d",
            "25h",
            True,
            None,
            0,
            -5,
            10**400,
            float("inf"),
            "1 m",
            "9" * 99 + "s",
        ):
            self.refuses("rate_limit", {"window": bad})
        self.assertEqual(self.read("passive", {"unhealthy_latency": 0})["unhealthy_latency"], "0s")
        self.refuses(
            "health", {"interval": "1ms"}, {"timeout": "2m"}, {"path": "x"}, {"expected_status": 99}, [], {"x": 1}
        )
        self.refuses("passive", {"max_fails": 0}, {"fail_duration": "0s"})
        self.refuses("rate_limit", {"requests": 0}, {"requests": 10**7}, {"enabled": "yes"})

    def test_header_rules(self) -> None:
        """By the grammar of fields, and none that says where a message ends."""
        self.assertEqual(self.read("headers", [RULE, {**RULE, "name": ""}]), [RULE])
        bare = {"direction": "response", "operation": "delete", "name": "Server"}
        self.assertEqual(self.read("headers", [bare]), [{**bare, "value": ""}])
        self.assertEqual(self.read("headers", [{**RULE, "name": "Host", "value": " a.b\t"}])[0]["value"], "a.b")
        names: list[Any] = [
            "Content-Length",
            "transfer-encoding",
            "Connection",
            "TE",
            "Trailer",
            "Upgrade",
            "Keep-Alive",
        ]
        names += [
            "Proxy-Connection",
            "Proxy-Authorization",
            "Expect",
            "X Y",
            "X:Y",
            "X\r\nY",
            "Ü",
            "x" * 101,
            5,
            None,
            "\0",
        ]
        self.refuses("headers", *([{**RULE, "name": name}] for name in names))
        values: list[Any] = [
            "a\r\nb",
            "a\nb",
            "a\0b",
            "ü",
            "x" * 4097,
            5,
            None,
            "{secret}",
            "{remote_host}{uri2}".replace("2", "_"),
        ]
        self.refuses("headers", *([{**RULE, "value": value}] for value in values))
        host = {**RULE, "name": "host"}
        self.refuses(
            "headers",
            [{**host, "operation": "add"}],
            [{**host, "operation": "delete"}],
            [{**host, "direction": "response"}],
        )
        self.refuses(
            "headers", {}, "x", [5], [{}], [{**RULE, "more": 1}], [{**RULE, "operation": "drop"}], [RULE] * 101
        )

    def test_locations(self) -> None:
        """Each path once, and each with all that it needs."""
        told = {**LOCATION, "forward_path": "", "advanced_config": ""}
        self.assertEqual(self.read("locations", [LOCATION]), [told])
        self.refuses("locations", [LOCATION, LOCATION], [{"path": "/"}], [{**LOCATION, "path": "api"}], {}, [5])
        for path in ("", "/a b", "/a?b", "/a#b", "/ü", "/\r\n", "/" + "x" * 1024, 5):
            self.refuses("locations", [{**LOCATION, "path": path}])
        self.refuses("locations", [{**LOCATION, "forward_path": "x"}], [{**LOCATION, "forward_port": 0}])

    def test_error_pages(self) -> None:
        """Of three statuses, each so large at most; an empty one is none."""
        self.assertEqual(self.read("error_pages", {"404": "<p>ü</p>", "502": ""}), {"404": "<p>ü</p>"})
        self.refuses(
            "error_pages", {"500": "x"}, {"404": 5}, {"404": "x" * 65537}, [], {"404": "\ud800"}, {"404": "\0"}
        )

    def test_upstreams(self) -> None:
        """Servers with their ports."""
        self.assertEqual(self.read("upstreams", [{"host": "B", "port": 1}]), [{"host": "b", "port": 1}])
        self.refuses(
            "upstreams", [{"host": "b"}], [{"host": "b", "port": "1"}], [{"host": "b", "port": 1, "weight": 2}], [[]]
        )

    def test_access_lists(self) -> None:
        """Rules in their order, logins without their passwords."""
        given = [{"address": "10.0.0.0/8", "directive": "deny"}, {"address": "all", "directive": "allow"}]
        wanted = [{**each, "order": place} for place, each in enumerate(given)]
        self.assertEqual(self.read("clients", given, "access-lists"), wanted)
        turned = [{**given[0], "order": 2}, {**given[1], "order": 1}]
        self.assertEqual(
            [each["address"] for each in self.read("clients", turned, "access-lists")], ["all", "10.0.0.0/8"]
        )
        self.assertEqual(
            self.read("clients", [{"address": "2001:DB8::1/128", "directive": "allow"}], "access-lists")[0]["address"],
            "2001:db8::1",
        )
        rule = given[0]
        for bad in ("10.0.0.1/8", "::ffff:10.0.0.0/104", "a.b", "", "10.0.0.0/33", 5, None, "fe80::1%eth0"):
            self.refuses("clients", [{**rule, "address": bad}], kind="access-lists")
        self.refuses("clients", [{**rule, "directive": "maybe"}], [rule] * 1001, {}, kind="access-lists")
        logins = [{"username": "anna", "password": "s3cret"}, {"username": "bob"}]
        self.assertEqual(self.read("items", logins, "access-lists"), [{"username": "anna"}, {"username": "bob"}])
        self.assertEqual(forms.passwords({"items": logins}), {"anna": "s3cret"})
        self.assertEqual(forms.passwords({}), {})
        for name in ("", "a:b", "a\nb", 5, "x" * 256, "\ud800"):
            self.refuses("items", [{"username": name}], kind="access-lists")
        self.refuses("items", [{"username": "a", "password": 5}], [{"username": "a"}] * 2, [{}], kind="access-lists")
        self.refuses(
            "items",
            [{"username": "a", "password": "x" * 1025}],
            [{"username": "a", "password": "\udc00"}],
            kind="access-lists",
        )
        self.assertRaises(Invalid, forms.passwords, {"items": [{"username": "a", "password": 5}]})


class TogetherTests(FormCase):
    """What holds between members."""

    def whole(self, kind: Kind, **given: Any) -> dict[str, Any]:
        return forms.whole(kind, {**SAMPLES[kind], **given})

    def refused(self, field: str, kind: Kind, **given: Any) -> None:
        error = self.assertRaises(Invalid, self.whole, kind, **given)
        self.assertEqual(list(error.messages), [field])

    def test_hsts_is_for_those_who_are_sent_to_https(self) -> None:
        """Without that it is off, and so it is for names below."""
        for forced, hsts, below, wanted in (
            (True, True, True, (True, True)),
            (True, True, False, (True, False)),
            (True, False, True, (False, False)),
            (False, True, True, (False, False)),
        ):
            for kind in ("proxy-hosts", "redirection-hosts", "dead-hosts"):
                found = self.whole(kind, ssl_forced=forced, hsts_enabled=hsts, hsts_subdomains=below, certificate_id=5)
                self.assertEqual((found["hsts_enabled"], found["hsts_subdomains"]), wanted)

    def test_a_certificate_that_nobody_can_obtain(self) -> None:
        """For a star, HTTP-01 does not do."""
        star = ["a.example.com", "*.example.com"]
        self.refused("ssl_forced", "proxy-hosts", domain_names=star, ssl_forced=True)
        self.refused("certificate_id", "dead-hosts", domain_names=star, certificate_id="new")
        self.refused("domain_names", "certificates", domain_names=star)
        self.whole("proxy-hosts", domain_names=star, ssl_forced=True, certificate_id=5)
        self.whole("proxy-hosts", domain_names=star)

    def test_tls_that_is_passed_through(self) -> None:
        """Nothing guards it, and nothing needs a certificate."""
        self.refused("access_list_id", "proxy-hosts", tls_passthrough=True, access_list_id=3)
        self.refused("certificate_id", "proxy-hosts", tls_passthrough=True, certificate_id=3)
        found = self.whole("proxy-hosts", tls_passthrough=True, ssl_forced=True, hsts_enabled=True)
        self.assertFalse(forms.wants_certificate(found) or found["hsts_enabled"])

    def test_streams(self) -> None:
        """Names and certificates are TLS's, which goes over tcp."""
        for protocol in ("udp", "tcp+udp"):
            self.refused("sni_match", "stream-hosts", protocol=protocol, sni_match="a.b")
            self.refused("certificate_id", "stream-hosts", protocol=protocol, certificate_id=3)
        self.refused("certificate_id", "stream-hosts", certificate_id="new")

    def test_interfaces(self) -> None:
        """An address, a device's name, all."""
        for given, wanted in (("all", ""), ("*", ""), ("0.0.0.0", ""), ("eth0", "eth0"), ("0::1", "::1")):
            raw = forms.read("port-forwards", {**SAMPLES["port-forwards"], "interface": given})
            self.assertEqual(forms.whole("port-forwards", raw)["interface"], wanted)
        for bad in ("a/b", "a b", "x" * 16):
            self.refused("interface", "port-forwards", interface=bad)

    def test_certificates(self) -> None:
        """Uploaded or obtained, and it stays so."""
        self.refused("certificate", "certificates", provider="custom")
        self.refused("certificate", "certificates", certificate="PEM")
        obtained = self.whole("certificates")
        self.assertEqual((obtained["state"], obtained["nice_name"]), ("pending", "app.example.com"))
        error = self.assertRaises(
            Invalid, forms.whole, "certificates", {"provider": "custom", "certificate": "x"}, obtained
        )
        self.assertEqual(list(error.messages), ["provider"])
        uploaded = self.whole("certificates", provider="custom", certificate="PEM", nice_name="mine")
        self.assertEqual((uploaded["state"], uploaded["nice_name"]), ("active", "mine"))

    def test_a_key_is_not_among_what_is_read(self) -> None:
        """Whoever reads the JSON takes it out."""
        members = {"certificate": "PEM", "certificate_key": "KEY", "intermediate_certificate": "PEM 2"}
        self.assertEqual(forms.read("certificates", members), {"certificate": "PEM"})
        self.refuses("certificate", "ü", 5, "x" * 262145, kind="certificates")
        self.refuses("certificate_key", "KEY")
        self.refuses("expires", 5, kind="certificates")
