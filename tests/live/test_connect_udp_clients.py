"""Others' clients by CONNECT-UDP: QUIC, DNS, and libcurl by two packages, whose HTTP/3 goes through the proxy so."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pycurl
from curl_cffi import Curl, CurlInfo, CurlOpt
from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, until
from tests.support.http2 import Session, basic
from tests.support.manual import ROOT, blocks
from tests.support.masque import UdpEchoes, UdpStream, UdpTunnel, path_to
from tests.support.quic import QuicClient, QuicOrigin

CARRIERS = {"HTTP/1.1": 2, "HTTP/2": 3}
"""CURLPROXY_HTTPS and CURLPROXY_HTTPS2, for which neither package has names."""

HTTP_3 = 31
"""CURL_HTTP_VERSION_3ONLY, likewise."""

SIZE = 2_000_000


class Names(UdpEchoes):
    """A name server, which knows that everything is at 192.0.2.7."""

    def answers(self, data: bytes) -> list[bytes]:
        message = dns.Message()
        message.fromStr(data)
        message.answer, message.answers = 1, [dns.RRHeader(b"a.test", payload=dns.Record_A("192.0.2.7"))]
        return [message.toStr()]


class Case(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, "[udp]\non = true\n[limits]\nflush_seconds = 0.1\n")
        cls.origin = QuicOrigin(cls)
        cls.password = cls.daemon.account("anna")

    def setUp(self) -> None:
        self.before = len(self.daemon.exchanges())

    def tearDown(self) -> None:
        """What was carried is in the log and in the store alike."""

        def even() -> bool:
            lines = self.daemon.exchanges()
            return self.daemon.total("anna") == sum(line["up"] + line["down"] for line in lines)

        until(even, "log and store agree")

    def new_lines(self, count: int) -> list[dict[str, Any]]:
        return until(lambda: len(found := self.daemon.exchanges()[self.before :]) >= count and found, "its lines")

    def carriers(self, port: int) -> list[UdpTunnel | UdpStream]:
        """A way to a port by each of the two, both gone after the test."""
        credential, path = basic("anna", self.password), path_to("127.0.0.1", port)
        session = Session(self.daemon)
        self.addCleanup(session.close)
        tunnel = UdpTunnel(self.daemon, path, credential)
        self.addCleanup(tunnel.close)
        return [tunnel, UdpStream(session, path, credential)]

    def close(self, way: UdpTunnel | UdpStream) -> None:
        way.session.close() if isinstance(way, UdpStream) else way.close()


class DatagramTests(Case):
    def test_quic(self) -> None:
        """A client of QUIC gets to its origin, and more went than what its streams had."""
        body = bytes(range(256)) * 2000
        for way in self.carriers(self.origin.port):
            client = QuicClient(self.origin, way.send, way.receive)
            self.assertEqual(client.echoed(body), body)
            client.close()
            self.close(way)
        for line in self.new_lines(2):
            self.assertGreater(line["up"], len(body))
            self.assertGreater(line["down"], len(body))

    def test_dns(self) -> None:
        """A question, and its answer."""
        names = Names(self)
        question = dns.Message(id=7)
        question.addQuery(b"a.test")
        for way in self.carriers(names.port):
            answer = dns.Message()
            answer.fromStr(way.asked(question.toStr()) or b"")
            (record,) = answer.answers
            self.assertEqual((answer.id, record.payload.dottedQuad()), (7, "192.0.2.7"))
            self.close(way)
        self.new_lines(2)


class LibcurlTests(Case):
    def pycurl(self, carrier: int, size: int, password: str) -> tuple[int, int]:
        """The status and the bytes of a body by HTTP/3; 0, 0 for an error."""
        got = io.BytesIO()
        curl = pycurl.Curl()
        curl.setopt(pycurl.WRITEDATA, got)
        curl.setopt(pycurl.URL, f"https://127.0.0.1:{self.origin.port}/{size}")
        curl.setopt(pycurl.CAINFO, self.origin.authority)
        curl.setopt(pycurl.HTTP_VERSION, HTTP_3)
        curl.setopt(pycurl.PROXY, f"https://{self.daemon.proxy}")
        curl.setopt(pycurl.PROXYTYPE, carrier)
        curl.setopt(pycurl.PROXYUSERPWD, f"anna:{password}")
        curl.setopt(pycurl.PROXY_CAINFO, str(self.daemon.certificate))
        curl.setopt(pycurl.TIMEOUT, 30)
        try:
            curl.perform()
            return curl.getinfo(pycurl.RESPONSE_CODE), len(got.getvalue())
        except pycurl.error:
            return 0, 0
        finally:
            curl.close()

    def curl_cffi(self, carrier: int, size: int, password: str) -> tuple[int, int]:
        got: list[bytes] = []
        curl = Curl()
        curl.setopt(CurlOpt.WRITEFUNCTION, lambda data: got.append(data) or len(data))
        curl.setopt(CurlOpt.URL, f"https://127.0.0.1:{self.origin.port}/{size}".encode())
        curl.setopt(CurlOpt.CAINFO, self.origin.authority.encode())
        curl.setopt(CurlOpt.HTTP_VERSION, HTTP_3)
        curl.setopt(CurlOpt.PROXY, f"https://{self.daemon.proxy}".encode())
        curl.setopt(CurlOpt.PROXYTYPE, carrier)
        curl.setopt(CurlOpt.PROXYUSERPWD, f"anna:{password}".encode())
        curl.setopt(CurlOpt.PROXY_CAINFO, str(self.daemon.certificate).encode())
        curl.setopt(CurlOpt.TIMEOUT, 30)
        try:
            curl.perform()
            return int(curl.getinfo(CurlInfo.RESPONSE_CODE)), sum(map(len, got))
        except Exception:  # of a kind that differs with its versions
            return 0, 0
        finally:
            curl.close()

    def check(self, ask: Callable[[int, int, str], tuple[int, int]]) -> None:
        for name, carrier in CARRIERS.items():
            with self.subTest(name):
                self.assertEqual(ask(carrier, SIZE, self.password), (200, SIZE))
                self.assertEqual(ask(carrier, SIZE, "wrong"), (0, 0))
        carried = [line for line in self.new_lines(4) if line["status"] == 101]
        self.assertEqual([line["method"] for line in carried], ["CONNECT-UDP"] * 2)
        for line in carried:
            self.assertGreater(line["down"], SIZE)

    def test_pycurl(self) -> None:
        self.check(self.pycurl)

    def test_curl_cffi(self) -> None:
        self.check(self.curl_cffi)

    def test_the_manual(self) -> None:
        """What the page shows is what works."""
        (block,) = [each for each in blocks((ROOT / "docs/connect-udp.md").read_text()) if each.language == "python"]
        text = block.text
        for shown, here in {
            "https://quic.example/": f"https://127.0.0.1:{self.origin.port}/500",
            "us.mesh.example:31280": self.daemon.proxy,
            "alice:password": f"anna:{self.password}",
            "cert.pem": str(self.daemon.certificate),
            "curl.perform()": "curl.setopt(pycurl.CAINFO, authority)\ncurl.perform_rb()",
            "print(": "said.append(",
        }.items():
            self.assertIn(shown, text)
            text = text.replace(shown, here)
        said: list[int] = []
        exec(compile(text, "docs/connect-udp.md", "exec"), {"said": said, "authority": self.origin.authority})
        self.assertEqual(said, [200])
        self.new_lines(1)
