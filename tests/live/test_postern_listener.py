"""The listener of the management of hosts: by TLS, off and on by a reload, and no other API's paths."""

from __future__ import annotations

import http.client
import json
import ssl
import urllib.error
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.live.postern import Management
from tests.support.daemon import LiveDaemon, free_port, until


def asked(
    test: SynchronousTestCase, daemon: LiveDaemon, port: int, method: str, path: str, body: Any = None
) -> http.client.HTTPResponse:
    """The answer to one request by HTTPS, whose certificate is the daemon's own."""
    context = ssl.create_default_context(cafile=str(daemon.certificate))
    context.check_hostname = False
    connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=60)
    test.addCleanup(connection.close)
    fields = {"Content-Type": "application/json"}
    connection.request(method, path, None if body is None else json.dumps(body), fields)
    return connection.getresponse()


class TLSTests(SynchronousTestCase):
    def test_by_tls(self) -> None:
        """With HSTS, and with a redirection for who forgot the s; a reload changes it back and forth."""
        management = Management(self, more="tls = true\n")
        answer = asked(self, management.daemon, management.port, "GET", "/api/")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.getheader("Strict-Transport-Security"), "max-age=31536000; includeSubDomains")
        plain = http.client.HTTPConnection("127.0.0.1", management.port, timeout=60)
        self.addCleanup(plain.close)
        plain.request("GET", "/api/auth/me")
        redirected = plain.getresponse()
        self.assertEqual(redirected.status, 302)
        self.assertTrue((redirected.getheader("Location") or "").startswith("https://127.0.0.1:"))
        config = management.daemon.config_file
        assert config is not None
        text = config.read_text()
        self.assertIn("reloaded", management.daemon.reload(text.replace("tls = true", "tls = false")))
        self.assertEqual(management.ask("GET", "/api/")["status"], "OK")
        self.assertIn("reloaded", management.daemon.reload(text))
        self.assertEqual(asked(self, management.daemon, management.port, "GET", "/api/").status, 200)


class ReloadTests(SynchronousTestCase):
    def test_off_until_the_settings_have_it(self) -> None:
        """A reload opens and closes the port."""
        daemon, port = LiveDaemon(self), free_port()
        self.assertIsNone(self.status(port))
        places = f'[hosts]\nlisten = ["tcp:{port}"]\nhttp = ["tcp:{free_port()}"]\nhttps = ["tcp:{free_port()}"]\n'
        daemon.reload(places)
        self.assertEqual(self.status(port), 200)
        daemon.reload("")
        until(lambda: self.status(port) is None, "the port is closed")

    def status(self, port: int) -> int | None:
        """Of the health; None where nobody listens."""
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        try:
            connection.request("GET", "/api/")
            return connection.getresponse().status
        except ConnectionRefusedError:
            return None
        finally:
            connection.close()


class PortTests(SynchronousTestCase):
    def test_no_stream_takes_a_port_of_the_daemons_own(self) -> None:
        """Whatever listens there, and those that are reserved wherever hosts are served: it would never be served."""
        management = Management(self)
        token = management.token()
        daemon = management.daemon
        own = (management.port, management.http, management.https, daemon.api_port, daemon.proxy_port)
        for port in (80, 81, 443, *own):
            given = {"incoming_port": port, "forward_host": "127.0.0.1", "forward_port": 5432}
            with self.assertRaises(urllib.error.HTTPError) as caught:
                management.ask("POST", "/api/stream-hosts", given, token)
            self.assertEqual((port, caught.exception.code), (port, 400))


class PathTests(SynchronousTestCase):
    def test_no_path_of_another_api(self) -> None:
        """Neither here those of accounts, nor there those of hosts."""
        management = Management(self)
        for path in ("/api/proxies/", "/api/admin/accounts", "/v1/auth/user", "/sign-in/", "/healthz"):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                management.ask("GET", path)
            self.assertEqual(caught.exception.code, 404, path)
        answer = asked(self, management.daemon, management.daemon.api_port, "GET", "/api/proxy-hosts")
        self.assertEqual(answer.status, 404)
