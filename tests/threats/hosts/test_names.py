"""Threat 7 before published hosts: whose request it is, said in two ways, or in none."""

from __future__ import annotations

import json

from tests.threats.hosts.support import NAME, OTHER, HostileCase, Visit, get, own

REFUSED: dict[str, bytes] = {
    "no Host": b"GET /echo HTTP/1.1\r\n\r\n",
    "no Host in HTTP/1.0": b"GET /echo HTTP/1.0\r\n\r\n",
    "no Host beside an absolute target": b"GET http://hostile.example/echo HTTP/1.1\r\n\r\n",
    "two Hosts": b"GET /echo HTTP/1.1\r\nHost: hostile.example\r\nHost: other.example\r\n\r\n",
    "one Host twice": b"GET /echo HTTP/1.1\r\nHost: hostile.example\r\nHost: hostile.example\r\n\r\n",
    "an empty Host": b"GET /echo HTTP/1.1\r\nHost:\r\n\r\n",
    "a Host list": b"GET /echo HTTP/1.1\r\nHost: hostile.example, other.example\r\n\r\n",
    "a Host with user information": b"GET /echo HTTP/1.1\r\nHost: other.example@hostile.example\r\n\r\n",
    "a Host with a path": b"GET /echo HTTP/1.1\r\nHost: hostile.example/other.example\r\n\r\n",
    "a Host with a query": b"GET /echo HTTP/1.1\r\nHost: hostile.example?other.example\r\n\r\n",
    "a Host with a fragment": b"GET /echo HTTP/1.1\r\nHost: hostile.example#other.example\r\n\r\n",
    "a Host with a scheme": b"GET /echo HTTP/1.1\r\nHost: http://hostile.example\r\n\r\n",
    "a Host with a blank": b"GET /echo HTTP/1.1\r\nHost: hostile.example other.example\r\n\r\n",
    "a Host with a tab": b"GET /echo HTTP/1.1\r\nHost: hostile.example\tother.example\r\n\r\n",
    "a Host with a NUL": b"GET /echo HTTP/1.1\r\nHost: hostile.example\0.other.example\r\n\r\n",
    "a Host with a backslash": b"GET /echo HTTP/1.1\r\nHost: hostile.example\\other.example\r\n\r\n",
    "a Host with an escape": b"GET /echo HTTP/1.1\r\nHost: hostile%2eexample\r\n\r\n",
    "a Host with an empty label": b"GET /echo HTTP/1.1\r\nHost: hostile..example\r\n\r\n",
    "a Host with two final dots": b"GET /echo HTTP/1.1\r\nHost: hostile.example..\r\n\r\n",
    "a Host that begins with a dot": b"GET /echo HTTP/1.1\r\nHost: .hostile.example\r\n\r\n",
    "a Host with an empty port": b"GET /echo HTTP/1.1\r\nHost: hostile.example:\r\n\r\n",
    "a Host with port 0": b"GET /echo HTTP/1.1\r\nHost: hostile.example:0\r\n\r\n",
    "a Host with a port too many": b"GET /echo HTTP/1.1\r\nHost: hostile.example:80:80\r\n\r\n",
    "a Host with a port that is too high": b"GET /echo HTTP/1.1\r\nHost: hostile.example:65536\r\n\r\n",
    "a Host with a port with a zero before it": b"GET /echo HTTP/1.1\r\nHost: hostile.example:080\r\n\r\n",
    "a Host with a port that is a name": b"GET /echo HTTP/1.1\r\nHost: hostile.example:@other.example\r\n\r\n",
    "a Host in other letters": "GET /echo HTTP/1.1\r\nHost: h\u03bfstile.example\r\n\r\n".encode(),
    "a Host with a full-width dot": "GET /echo HTTP/1.1\r\nHost: hostile\uff0eexample\r\n\r\n".encode(),
    "a wildcard": b"GET /echo HTTP/1.1\r\nHost: *.wild.example\r\n\r\n",
    "a folded Host": b"GET /echo HTTP/1.1\r\nHost:\r\n hostile.example\r\n\r\n",
    "a Host with a blank before its colon": b"GET /echo HTTP/1.1\r\nHost : hostile.example\r\n\r\n",
    "an open bracket": b"GET /echo HTTP/1.1\r\nHost: [::1\r\n\r\n",
    "a bracketed name": b"GET /echo HTTP/1.1\r\nHost: [hostile.example]\r\n\r\n",
    "an absolute target of another host": b"GET http://other.example/echo HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an absolute target of another port": b"GET http://hostile.example:81/ HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an absolute target with user information": (
        b"GET http://other.example@hostile.example/echo HTTP/1.1\r\nHost: hostile.example\r\n\r\n"
    ),
    "an absolute target of TLS": b"GET https://hostile.example/echo HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an absolute target without a host": b"GET http:///echo HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an absolute target of another scheme": b"GET ftp://hostile.example/ HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an authority for a target": b"GET hostile.example:80 HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "an asterisk for a page": b"GET * HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "CONNECT": b"CONNECT hostile.example:80 HTTP/1.1\r\nHost: hostile.example:80\r\n\r\n",
    "CONNECT with a path": b"CONNECT /echo HTTP/1.1\r\nHost: hostile.example\r\n\r\n",
    "TRACE": b"TRACE /echo HTTP/1.1\r\nHost: hostile.example\r\nCookie: a=b\r\n\r\n",
}

NOBODYS: dict[str, str] = {
    "a name that nobody has": "nobody.example",
    "the address of the daemon": "127.0.0.1",
    "the address of the daemon, in version 6": "[::1]",
    "an address in another notation": "0x7f000001",
    "localhost": "localhost",
    "a name below a host": "www.hostile.example",
    "the end of a host's name": "example",
    "what a wildcard hangs from": "wild.example",
    "two labels for one asterisk": "a.b.wild.example",
}

SAME: dict[str, str] = {
    "as it is": NAME,
    "in capitals": "HOSTILE.Example",
    "with its final dot": "hostile.example.",
    "with the port": "hostile.example:80",
    "with another port": "hostile.example:8080",
    "in capitals, with a dot and a port": "HOSTILE.EXAMPLE.:443",
}


class HostTest(HostileCase):
    def test_threat_07_host_confusion(self) -> None:
        """A request that says in no way, or in two, whose it is, is refused, and reaches nobody."""
        for what, data in REFUSED.items():
            answer = self.ask(data)
            self.assertIn(answer.status, {400, 501}, what)
            self.assertTrue(own(answer), what)
        self.nothing_arrived()

    def test_threat_07_nobodys_name(self) -> None:
        """There is no host that stands for all others."""
        for what, host in NOBODYS.items():
            answer = self.ask(get(host=host))
            self.assertIn(answer.status, {400, 404}, what)
            self.assertTrue(own(answer), what)
        self.nothing_arrived()

    def test_threat_07_the_same_name(self) -> None:
        """Case, final dot and port are no part of the name; the origin gets one Host, as it was written."""
        for what, host in SAME.items():
            for target in ("/echo", f"http://{host}/echo"):
                self.origin.forget()
                self.assertEqual(self.ask(get(target, host=host)).status, 200, what)
                (request,) = self.arrived
                self.assertEqual(request.target, "/echo", what)
                hosts = [value for name, value in request.fields if name.lower() == "host"]
                self.assertEqual(hosts, [host], what)
                self.assertEqual(request.field("x-forwarded-host"), host, what)

    def test_threat_07_each_request_names_its_host(self) -> None:
        """On a kept connection the first request says nothing about the next, and a refused one nothing either."""
        with Visit(self.world) as visit:
            for host, status in ((NAME, 200), ("nobody.example", 404), (OTHER, 200), (NAME, 200)):
                self.assertEqual(visit.ask(get(host=host)).status, status, host)
        self.assertEqual(sorted(request.field("host") or "" for request in self.arrived), [NAME, NAME, OTHER])

    def test_threat_07_the_same_fields_again(self) -> None:
        """What was read with the same fields before says nothing about another target or method."""
        absolute = f"http://{NAME}/echo"
        with Visit(self.world) as visit:
            for method, target, status in (
                ("OPTIONS", "*", 200),
                ("OPTIONS", "*", 200),
                ("POST", "/echo", 200),
                ("POST", absolute, 200),
                ("POST", absolute, 200),
                ("GET", "/echo", 200),
                ("GET", f"http://{OTHER}/echo", 400),
            ):
                self.assertEqual(visit.ask(get(target, method=method)).status, status, target)
        self.assertEqual([request.target for request in self.arrived], ["*"] * 2 + ["/echo"] * 4)
        for target in ("*", f"https://{NAME}/echo", "/a#b", "CONNECT"):
            with Visit(self.world) as visit:
                visit.ask(get("*", method="OPTIONS"))
                self.assertEqual(visit.ask(get(target)).status, 400, target)

    def test_threat_07_all_at_once(self) -> None:
        """The same where the requests come in one packet."""
        with Visit(self.world) as visit:
            hosts = (NAME, "nobody.example", OTHER)
            visit.send(b"".join(get(f"/{host}", host=host) for host in hosts))
            answers = [visit.answer() for _ in hosts]
        self.assertEqual([answer.status for answer in answers if answer], [200, 404, 200])
        self.assertEqual({request.target for request in self.arrived}, {f"/{NAME}", f"/{OTHER}"})


class NamedByTLSTest(HostileCase):
    def test_threat_07_another_name_than_tls_has_asked_for(self) -> None:
        """Host, or an absolute target, of another host than TLS was spoken with is misdirected: 421, and nobody's."""
        for host in (OTHER, "nobody.example", "last.example", "a.wild.example", "127.0.0.1"):
            with Visit(self.world, NAME) as visit:
                for target in ("/echo", f"https://{host}/echo"):
                    answer = visit.ask(get(target, host=host))
                    self.assertEqual((answer.status, own(answer)), (421, True), (host, target))
        self.nothing_arrived()

    def test_threat_07_two_names_under_one_wildcard(self) -> None:
        """The certificate's name covers both, TLS has asked for one."""
        self.assertEqual(self.ask(get(host="a.wild.example"), "a.wild.example").status, 200)
        self.assertEqual(self.ask(get(host="b.wild.example"), "a.wild.example").status, 421)
        self.assertEqual([request.field("host") for request in self.arrived], ["a.wild.example"])

    def test_threat_07_the_second_request_of_a_connection(self) -> None:
        """What was right once is looked at again; a refusal leaves the connection to the right host."""
        with Visit(self.world, NAME) as visit:
            for host, status in ((NAME, 200), (OTHER, 421), (NAME, 200), (OTHER, 421)):
                self.assertEqual(visit.ask(get(host=host)).status, status)
        self.assertEqual([request.field("host") for request in self.arrived], [NAME, NAME])

    def test_threat_07_confusion_behind_tls(self) -> None:
        """What is refused of plain HTTP is refused of TLS."""
        for what, data in list(REFUSED.items())[::5]:
            if what == "an absolute target of TLS":
                continue
            self.assertIn(self.ask(data, NAME).status, {400, 421, 501}, what)
        self.assertEqual(self.ask(get(f"http://{NAME}/echo"), NAME).status, 400)
        self.nothing_arrived()

    def test_threat_07_case_of_the_name_in_tls(self) -> None:
        told = json.loads(self.ask(get(), NAME.upper()).body)
        self.assertEqual(dict(told["fields"])["X-Forwarded-Proto"], "https")
