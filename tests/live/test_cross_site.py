"""Chromium, signed in at the API, on pages of other sites: none of them makes it change an account."""

from __future__ import annotations

import json
import ssl

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.test_browser import trusted
from tests.support import browser
from tests.support.daemon import LiveDaemon
from tests.support.origin import RecordingOrigin

API, STRANGER, NEIGHBOUR = "mesh.test", "evil.test", "pages.mesh.test"
"""The neighbour is of the API's own site: another name under the same domain."""

PASSWORD = "correct horse"

PAGE = b"<!doctype html><title>a page</title><p>words</p>"

FORM = """
const form = document.createElement("form");
form.method = "POST"; form.enctype = {kind!r}; form.action = {url!r};
const field = document.createElement("input");
field.name = "ip"; field.value = "9.9.9.9";
form.append(field); document.body.append(form); form.submit();
"""

FETCH = """
fetch({url!r}, {{method: "POST", credentials: "include", mode: {mode!r}, headers: {headers}, body: "ip=9.9.9.9"}})
    .then(answer => answer.type, error => "refused")
"""

KINDS = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
"""All that a form knows."""

URLENCODED = json.dumps({"Content-Type": KINDS[0]})

daemon: LiveDaemon
pages: RecordingOrigin


def setUpModule() -> None:
    global daemon, pages  # noqa: PLW0603
    daemon = LiveDaemon()
    daemon.account("anna", PASSWORD)
    pages = RecordingOrigin(tls=True)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n" % len(PAGE)
    pages.script("/page", head + PAGE)


def tearDownModule() -> None:
    for each in (daemon, pages):
        each.close()


class CrossSiteTests(SynchronousTestCase):
    def setUp(self) -> None:
        try:
            browser.program()
        except browser.Missing as error:
            raise SkipTest(str(error)) from None
        shown = ssl.get_server_certificate(("127.0.0.1", pages.port)).encode()
        names = ", ".join(f"MAP {name} 127.0.0.1" for name in (API, STRANGER, NEIGHBOUR))
        flags = [trusted(shown, daemon.certificate.read_bytes()), f"--host-resolver-rules={names}"]
        self.chromium = browser.Chromium(self, *flags, account=("anna", PASSWORD))
        self.url = f"https://{API}:{daemon.api_port}/api/ip/add/"
        self.home, _ = self.chromium.open(f"https://{API}:{daemon.api_port}/api/ips/")
        self.assertEqual(self.listed(), {"ips": []})

    def listed(self) -> object:
        """What the browser is shown; it asks nobody for a password again."""
        page, _ = self.chromium.open(f"https://{API}:{daemon.api_port}/api/ips/")
        found = json.loads(self.chromium.run(page, "document.body.innerText"))
        self.assertEqual(len(self.chromium.challenges), 1)
        return found

    def submitted(self, page: str, kind: str) -> str:
        return self.chromium.run(page, FORM.format(kind=kind, url=self.url), loads=True)

    def test_a_form_of_another_site_changes_nothing(self) -> None:
        """A stranger's and a neighbour's, in each form that a form can have."""
        for name in (STRANGER, NEIGHBOUR):
            for kind in KINDS:
                page, title = self.chromium.open(pages.url("/page", host=name))
                self.assertEqual(title, "a page")
                self.assertIn("another site", self.submitted(page, kind))
        self.assertEqual(self.listed(), {"ips": []})

    def test_a_script_of_another_site_changes_nothing(self) -> None:
        """With what may be sent unasked, and with what only a preflight would allow."""
        for name in (STRANGER, NEIGHBOUR):
            page, _ = self.chromium.open(pages.url("/page", host=name))
            simple = FETCH.format(url=self.url, mode="no-cors", headers=URLENCODED)
            self.assertEqual(self.chromium.run(page, simple), "opaque")
            for headers in (URLENCODED, json.dumps({"Authorization": "Basic YW5uYTp3cm9uZw=="})):
                asked = FETCH.format(url=self.url, mode="cors", headers=headers)
                self.assertEqual(self.chromium.run(page, asked), "refused")
        self.assertEqual(self.listed(), {"ips": []})

    def test_a_form_of_the_apis_own_page_is_taken(self) -> None:
        """So that the refusals above are no refusal of browsers."""
        self.assertEqual(json.loads(self.submitted(self.home, KINDS[0])), {"ip": "9.9.9.9"})
        self.assertEqual(self.listed(), {"ips": ["9.9.9.9"]})
        daemon.cli("ip", "delete", "anna", "9.9.9.9")
