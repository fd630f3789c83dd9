"""Clients of others that speak HTTP/2 to the proxy: libcurl by two packages, Node and Go."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pycurl
from curl_cffi import Curl, CurlInfo, CurlOpt
from twisted.trial.unittest import SynchronousTestCase

from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.http2 import basic
from tests.support.origin import RecordingOrigin, authority, pattern
from tests.support.thisrun import of_this_run

HTTP_2 = 3
"""CURLPROXY_HTTPS2, for which neither package has a name."""

BIG = 5_000_000

NODE = """
const http2 = require("http2"), tls = require("tls"), fs = require("fs");
const asked = JSON.parse(process.argv[1]);
const session = http2.connect(asked.proxy, {ca: fs.readFileSync(asked.ca)});
const tunnel = session.request({":method": "CONNECT", ":authority": asked.authority,
                                "proxy-authorization": asked.credential});
tunnel.on("response", (head) => {
  if (head[":status"] !== 200) { console.log(JSON.stringify({status: head[":status"]})); session.destroy(); return; }
  const secure = tls.connect({socket: tunnel, ca: fs.readFileSync(asked.trust), servername: "localhost"}, () => {
    secure.write("GET /bytes/" + asked.size + " HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n");
  });
  let size = 0;
  secure.on("data", (data) => {
    size += data.length;
    if (size > asked.size) { console.log(JSON.stringify({status: 200, size})); session.destroy(); }
  });
});
"""


NODE_PLAIN = """
const http2 = require("http2"), crypto = require("crypto"), fs = require("fs");
const asked = JSON.parse(process.argv[1]);
const session = http2.connect(asked.proxy, {ca: fs.readFileSync(asked.ca)});
const fields = {":scheme": "http", ":authority": asked.authority, "proxy-authorization": asked.credential};
const down = session.request({...fields, ":method": "GET", ":path": "/bytes/" + asked.size});
const read = (stream, then) => {
  const hash = crypto.createHash("sha256");
  stream.on("data", (data) => hash.update(data));
  stream.on("end", () => then(hash.digest("hex")));
};
down.on("response", (head) => {
  const up = session.request({...fields, ":method": "POST", ":path": "/echo"});
  up.end(Buffer.alloc(asked.size, "x"));
  up.on("response", (answer) => {
    session.close();  // says GOAWAY, while the download goes on
    up.resume();
    read(down, (digest) => console.log(JSON.stringify({statuses: [head[":status"], answer[":status"]], digest})));
  });
});
"""

GO = """package main
import ("fmt"; "io"; "net/http"; "net/url"; "os")
func main() {
  proxy, _ := url.Parse(os.Args[1])
  way := http.DefaultTransport.(*http.Transport).Clone()
  way.Proxy = http.ProxyURL(proxy)
  answer, err := (&http.Client{Transport: way}).Get(os.Args[2])
  if err != nil { fmt.Println(err); os.Exit(1) }
  body, _ := io.ReadAll(answer.Body)
  fmt.Println(answer.StatusCode, len(body))
}
"""


class ClientsTests(SynchronousTestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, "[limits]\nflush_seconds = 0.1\n")
        cls.password = cls.daemon.account("anna")
        cls.plain, cls.secure = RecordingOrigin(), RecordingOrigin(tls=True)
        for each in (cls.plain, cls.secure):
            cls.addClassCleanup(each.close)

    def tearDown(self) -> None:
        """What was carried is in the log and in the store alike."""

        def even() -> bool:
            lines = self.daemon.exchanges()
            return self.daemon.total("anna") == sum(line["up"] + line["down"] for line in lines)

        until(even, "a balance of log and store")

    def carried(self, since: int, count: int) -> list[tuple[str, int, int]]:
        """What the log has of so many exchanges: method, bytes up, bytes down."""
        lines = until(lambda: (found := self.daemon.exchanges()[since:]) and len(found) >= count and found, "lines")
        self.assertEqual({(line["username"], line["status"], line["reason"]) for line in lines}, {("anna", 200, "")})
        return [(line["method"], line["up"], line["down"]) for line in lines]

    def by_libcurl(self, ask: Callable[[str, bytes | None], bytes]) -> None:
        """Down and up, by http and by https; each is counted with what belongs to it and no more."""
        since = len(self.daemon.exchanges())
        body = pattern(BIG).hex().encode()[:BIG]
        for origin, least in ((self.plain, 0), (self.secure, 1000)):
            self.assertEqual(digest(ask(origin.url(f"/bytes/{BIG}"), None)), digest(pattern(BIG)))
            ask(origin.url(), body)
            self.assertIn(digest(body), {digest(request.body) for request in origin.requests})
            (_, up, down), (_, more_up, _) = self.carried(since, 2)
            since += 2
            for size in (down, more_up):
                self.assertTrue(BIG + least < size < BIG * 1.02, size)
            self.assertLess(up, 60_000)

    def test_pycurl(self) -> None:
        self.by_libcurl(self.pycurl)

    def pycurl(self, url: str, body: bytes | None) -> bytes:
        came = io.BytesIO()
        curl = pycurl.Curl()
        try:
            for option, value in self.options(url, body, came.write).items():
                curl.setopt(getattr(pycurl, option), value)
            curl.perform()
            self.assertEqual(curl.getinfo(pycurl.RESPONSE_CODE), 200)
        finally:
            curl.close()
        return came.getvalue()

    def test_curl_cffi(self) -> None:
        self.by_libcurl(self.curl_cffi)

    def curl_cffi(self, url: str, body: bytes | None) -> bytes:
        came = io.BytesIO()
        curl = Curl()
        try:
            for option, value in self.options(url, body, came.write).items():
                curl.setopt(getattr(CurlOpt, option), value.encode() if isinstance(value, str) else value)
            curl.perform()
            self.assertEqual(curl.getinfo(CurlInfo.RESPONSE_CODE), 200)
        finally:
            curl.close()
        return came.getvalue()

    def test_go(self) -> None:
        """Go (1.19) offers HTTP/2 to the proxy, and then asks for a tunnel as HTTP/1.1 has it."""
        folder = Path(self.mktemp())
        folder.mkdir()
        program, trust = folder / "fetch.go", folder / "trust.pem"
        program.write_text(GO)
        trust.write_bytes(self.daemon.certificate.read_bytes() + Path(authority().file).read_bytes())
        cache = {"GOCACHE": of_this_run("go-cache"), "GO111MODULE": "off", "SSL_CERT_FILE": str(trust.resolve())}
        target = self.secure.url(f"/bytes/{BIG}").replace("127.0.0.1", "localhost")
        since = len(self.daemon.exchanges())
        found = subprocess.run(
            ["go", "run", str(program), f"https://anna:{self.password}@{self.daemon.proxy}", target],
            check=False,
            env={**clean_environment(), **cache},
            capture_output=True,
            text=True,
            timeout=600,
        )
        self.assertEqual(found.stdout, f"200 {BIG}\n", found.stderr)
        ((method, _, down),) = self.carried(since, 1)
        self.assertEqual((method, BIG < down < BIG * 1.02), ("CONNECT", True))

    def options(self, url: str, body: bytes | None, write: Callable[[bytes], int]) -> dict[str, Any]:
        options: dict[str, Any] = {
            "URL": url.replace("127.0.0.1", "localhost"),
            "PROXY": f"https://{self.daemon.proxy}",
            "PROXYTYPE": HTTP_2,
            "PROXY_CAINFO": str(self.daemon.certificate),
            "PROXYUSERPWD": f"anna:{self.password}",
            "CAINFO": self.secure.ca_file,
            "WRITEFUNCTION": write,
            "TIMEOUT": 60,
        }
        if body is not None:
            options |= {"POST": 1, "POSTFIELDSIZE": len(body), "COPYPOSTFIELDS": body}
        return options

    def test_node(self) -> None:
        since = len(self.daemon.exchanges())
        proxy = f"https://{self.daemon.proxy}"
        asked = {
            "proxy": proxy,
            "ca": str(self.daemon.certificate),
            "trust": self.secure.ca_file,
            "authority": f"localhost:{self.secure.port}",
            "size": BIG,
        }
        wrong, right = (basic("anna", each)[1].decode() for each in ("not hers", self.password))
        self.assertEqual(self.node({**asked, "credential": wrong}), {"status": 407})
        found = self.node({**asked, "credential": right})
        self.assertEqual(found["status"], 200)
        self.assertGreater(found["size"], BIG)
        self.assertEqual(len(self.carried(since + 1, 1)), 1)

    def test_node_by_http(self) -> None:
        """Down and up; it closes its session in order, while it still reads."""
        since = len(self.daemon.exchanges())
        asked = {
            "proxy": f"https://{self.daemon.proxy}",
            "ca": str(self.daemon.certificate),
            "authority": f"localhost:{self.plain.port}",
            "credential": basic("anna", self.password)[1].decode(),
            "size": BIG,
        }
        found = self.node(asked, NODE_PLAIN)
        self.assertEqual(found, {"statuses": [200, 200], "digest": digest(pattern(BIG))})
        self.assertIn(b"x" * BIG, {request.body for request in self.plain.requests})
        carried = {method: (up, down) for method, up, down in self.carried(since, 2)}
        self.assertTrue(BIG < carried["GET"][1] < BIG + 2000, carried)
        self.assertTrue(BIG < carried["POST"][0] < BIG * 1.01, carried)

    def node(self, asked: dict[str, Any], script: str = NODE) -> dict[str, Any]:
        words = ["node", "-e", script, json.dumps(asked)]
        said = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout
        found: dict[str, Any] = json.loads(said)
        return found


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
