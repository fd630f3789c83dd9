"""Nginx Proxy Manager's paths over the same resources: its statuses, its bare answers, its errors."""

from __future__ import annotations

import io
import zipfile
from typing import Any

from tests.tls.authority import issued
from tests.web.postern.support import PosternTestCase
from tests.web.support import named

BODIES: dict[str, dict[str, Any]] = {
    "proxy-hosts": {
        "domain_names": ["app.example.com"],
        "forward_scheme": "http",
        "forward_host": "192.168.1.10",
        "forward_port": 3000,
        "meta": {"nginx_online": True},
    },
    "redirection-hosts": {
        "domain_names": ["old.example.com"],
        "forward_scheme": "auto",
        "forward_http_code": 302,
        "forward_domain_name": "new.example.com",
    },
    "streams": {"incoming_port": 5432, "forwarding_host": "10.0.0.5", "forwarding_port": 5432, "udp_forwarding": True},
    "dead-hosts": {"domain_names": ["gone.example.com"]},
    "certificates": {
        "provider": "letsencrypt",
        "domain_names": ["secure.example.com"],
        "meta": {"letsencrypt_agree": True, "letsencrypt_email": "a@mesh.example", "dns_challenge": False},
    },
    "access-lists": {
        "name": "office",
        "items": [{"username": "jo", "password": "hunter2hunter2"}],
        "clients": [{"address": "10.0.0.0/8", "directive": "allow"}],
    },
}


def pair(hosts: list[str], now: float) -> tuple[str, str]:
    """A certificate for these hosts, issued by itself, and its key."""
    found = issued(hosts[0].removeprefix("*."), now=int(now), hosts=hosts)
    return found.pem, found.key_pem


class NPMTests(PosternTestCase):
    def test_the_life_of_each(self) -> None:
        """201 with the object, 200 with what was changed, `true` for switched and deleted, 400 for switched already."""
        for segment, body in BODIES.items():
            with named(segment):
                base = f"/nginx/{segment}"
                made = self.do("POST", base, body)
                self.assertEqual(made.status, 201, made)
                one = f"{base}/{made.json['id']}"
                self.assertEqual(self.do("GET", base).json, [made.json])
                self.assertEqual(self.do("GET", f"{one}?expand=owner,certificate").seen, (200, made.json))
                if segment != "certificates":
                    back = self.do("PUT", one, made.json)
                    self.assertEqual(
                        (back.status, back.json | {"modified_on": ""}), (200, made.json | {"modified_on": ""})
                    )
                if segment not in ("certificates", "access-lists"):
                    for verb, status in (("disable", 200), ("disable", 400), ("enable", 200), ("enable", 400)):
                        answer = self.do("POST", f"{one}/{verb}")
                        self.assertEqual(answer.status, status)
                        if status == 200:
                            self.assertIs(answer.json, True)
                        else:
                            self.refused(answer, 400, f"Host is already {verb}d")
                self.assertEqual(self.do("DELETE", one).seen, (200, True))
                self.refused(self.do("GET", one), 404, "Not Found")

    def test_both_faces_show_one_thing(self) -> None:
        """What is made by one path is changed by the other."""
        made = self.do("POST", "/nginx/streams", BODIES["streams"]).json
        self.assertEqual((made["tcp_forwarding"], made["udp_forwarding"]), (True, True))
        other = self.do("GET", f"/stream-hosts/{made['id']}").json
        self.assertEqual((other["protocol"], other["forward_host"]), ("tcp+udp", "10.0.0.5"))
        self.do("PUT", f"/stream-hosts/{made['id']}", {"protocol": "udp"})
        self.assertEqual(self.do("GET", f"/nginx/streams/{made['id']}").json["tcp_forwarding"], False)

    def test_a_query(self) -> None:
        for name in ("one", "two"):
            self.do("POST", "/nginx/dead-hosts", {"domain_names": [f"{name}.example.com"]})
        found = self.do("GET", "/nginx/dead-hosts?query=TWO").json
        self.assertEqual([each["domain_names"] for each in found], [["two.example.com"]])

    def test_signing_in(self) -> None:
        """Exactly a token and its end, with a zone; 401 for a wrong password, as for a wrong token."""
        answer = self.do("POST", "/tokens", {"identity": "boss@mesh.example", "secret": "secret12"}, who="")
        self.assertEqual(set(answer.json), {"token", "expires"})
        self.assertEqual(answer.json["expires"], "2026-01-15T12:15:00.000Z")
        token = answer.json["token"]
        self.assertEqual(self.do("GET", "/users/me", who=token).json["roles"], ["admin"])
        again = self.do("GET", "/tokens", who=token)
        self.assertEqual(again.json["token"], token)
        self.assertEqual(self.do("GET", "/tokens", who=self.world.token()).status, 200)
        wrong = self.do("POST", "/tokens", {"identity": "boss", "secret": "wrong", "scope": "user"}, who="")
        self.refused(wrong, 401, "Invalid email or password")
        self.refused(self.do("GET", "/nginx/proxy-hosts", who="pp_wrong"), 401)

    def test_what_is_about_the_whole(self) -> None:
        """Health for everybody; the one setting; counts."""
        self.assertEqual(self.do("GET", "/", who="").json["status"], "OK")
        self.assertEqual(self.do("GET", "/version/check", who="").json["update_available"], False)
        self.assertEqual(self.do("GET", "/schema", who="").json, self.do("GET", "/openapi.json", who="").json)
        self.do("POST", "/nginx/proxy-hosts", BODIES["proxy-hosts"])
        self.assertEqual(self.do("GET", "/reports/hosts").json, {"proxy": 1, "redirection": 0, "stream": 0, "dead": 0})
        (setting,) = self.do("GET", "/settings").json
        self.assertEqual(self.do("GET", f"/settings/{setting['id']}").json, setting)
        self.assertEqual(self.do("PUT", "/settings/default-site", {"value": "404", "meta": {}}).status, 200)
        self.refused(self.do("PUT", "/settings/default-site", {"value": "congratulations"}), 400, "value")
        for method in ("GET", "PUT"):
            self.refused(self.do(method, "/settings/other", {} if method == "PUT" else None), 404)

    def test_a_viewer_changes_nothing(self) -> None:
        for segment, body in BODIES.items():
            self.refused(self.do("POST", f"/nginx/{segment}", body, who="eye"), 403, "Permission Denied")
            self.assertEqual(self.do("GET", f"/nginx/{segment}", who="eye").json, [])


class CertificateTests(PosternTestCase):
    def multipart(self, **texts: str) -> tuple[bytes, tuple[str, str]]:
        parts = "".join(
            f'--XX\r\nContent-Disposition: form-data; name="{name}"; filename="{name}.pem"\r\n'
            f"Content-Type: application/x-x509-ca-cert\r\n\r\n{text}\r\n"
            for name, text in texts.items()
        )
        return f"{parts}--XX--\r\n".encode(), ("Content-Type", "multipart/form-data; boundary=XX")

    def test_an_upload(self) -> None:
        """By JSON and by files; told with its names and its end, never with its key; its key is sealed."""
        chain, key = pair(["shop.example.com", "*.shop.example.com"], self.world.now)
        by_files = self.multipart(certificate=chain, certificate_key=key)
        for body, fields in (({"certificate": chain, "certificate_key": key}, ()), (by_files[0], (by_files[1],))):
            made = self.do("POST", "/certificates", body, *fields)
            self.assertEqual(made.status, 201, made)
            self.assertEqual(made.json["domain_names"], ["shop.example.com", "*.shop.example.com"])
            self.assertEqual((made.json["provider"], made.json["state"]), ("custom", "active"))
            told = self.do("GET", f"/nginx/certificates/{made.json['id']}").json
            self.assertEqual(told["provider"], "other")
            self.assertTrue(told["expires_on"].endswith("Z"))
            for answer in (made, self.do("GET", "/certificates"), self.do("GET", "/audit-log")):
                self.assertNotIn(b"PRIVATE KEY", answer.body)
        kept = self.world.store.file.run(_secrets)
        self.assertEqual(len(kept), 2)
        self.assertFalse(any(b"PRIVATE KEY" in bytes(each) for each in kept))

    def test_one_is_replaced(self) -> None:
        """By another upload; judged first, and nothing of it kept where only that was asked."""
        chain, key = pair(["shop.example.com"], self.world.now)
        made = self.do(
            "POST",
            "/nginx/certificates",
            {"provider": "other", "nice_name": "shop", "meta": {"certificate": chain, "certificate_key": key}},
        )
        self.assertEqual(made.status, 201, made)
        self.assertEqual((made.json["nice_name"], made.json["meta"]), ("shop", {}))
        one = f"/nginx/certificates/{made.json['id']}"
        other = pair(["other.example.com"], self.world.now)
        body, field = self.multipart(certificate=other[0], certificate_key=other[1], intermediate_certificate="")
        judged = self.do("POST", "/nginx/certificates/validate", body, field)
        self.assertEqual((judged.status, judged.json["certificate"]["cn"]), (200, "other.example.com"))
        self.assertEqual(self.do("GET", one).json["domain_names"], ["shop.example.com"])
        self.assertEqual(self.do("POST", f"{one}/upload", body, field).status, 200)
        self.assertEqual(self.do("GET", one).json["domain_names"], ["other.example.com"])
        mixed = {"certificate": chain, "certificate_key": other[1]}
        for path in (f"{one}/upload", "/nginx/certificates/validate"):
            self.refused(self.do("POST", path, mixed), 400, "certificate")
        self.refused(self.do("POST", "/nginx/certificates/validate", {"certificate": chain}), 400, "certificate_key")

    def test_a_download(self) -> None:
        """A file with the chain, and without the key; 409 while there is none."""
        chain, key = pair(["shop.example.com"], self.world.now)
        made = self.do("POST", "/certificates", {"certificate": chain, "certificate_key": key}).json
        answer = self.do("GET", f"/nginx/certificates/{made['id']}/download")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            self.assertEqual(sorted(archive.namelist()), ["cert.pem", "chain.pem", "fullchain.pem"])
            self.assertEqual(archive.read("fullchain.pem").decode(), made["certificate"])
        pending = self.do("POST", "/nginx/certificates", BODIES["certificates"]).json["id"]
        self.refused(self.do("GET", f"/nginx/certificates/{pending}/download"), 409)

    def test_what_is_obtained(self) -> None:
        """Asked for again on a wish; what was uploaded is not, and no provider of names is known."""
        made = self.do("POST", "/nginx/certificates", BODIES["certificates"]).json
        self.assertEqual(
            made["meta"], {"letsencrypt_agree": True, "letsencrypt_email": "a@mesh.example", "dns_challenge": False}
        )
        self.assertEqual((made["provider"], made["expires_on"]), ("letsencrypt", ""))
        self.assertEqual(self.do("POST", f"/nginx/certificates/{made['id']}/renew").status, 200)
        chain, key = pair(["shop.example.com"], self.world.now)
        custom = self.do("POST", "/certificates", {"certificate": chain, "certificate_key": key}).json
        self.refused(self.do("POST", f"/nginx/certificates/{custom['id']}/renew"), 400, "upload")
        self.refused(self.do("POST", "/nginx/certificates/999/renew"), 404)
        self.assertEqual(self.do("GET", "/nginx/certificates/dns-providers").json, [])
        by_dns = {**BODIES["certificates"], "meta": {"dns_challenge": True, "dns_provider_credentials": "token=s3cret"}}
        answer = self.do("POST", "/nginx/certificates", by_dns)
        self.refused(answer, 400, "dns_challenge")
        self.assertNotIn(b"s3cret", answer.body)

    def test_whether_a_name_is_published(self) -> None:
        self.do("POST", "/nginx/proxy-hosts", BODIES["proxy-hosts"])
        asked = {"domains": ["app.example.com", "APP.example.com", "other.example.com"]}
        self.assertEqual(
            self.do("POST", "/nginx/certificates/test-http", asked).json,
            {"app.example.com": "ok", "APP.example.com": "ok", "other.example.com": "no-host"},
        )


def _secrets():  # type: ignore[no-untyped-def]
    from meshd.store.unit import Statement

    rows = yield Statement("select secret from published where kind = 'certificates' order by id", {})
    return [row[0] for row in rows]
