"""What is asked of an authority stays within bounds, whatever it answers."""

from __future__ import annotations

import json
import os
import threading
from unittest.mock import patch

from requests import exceptions
from twisted.trial.unittest import SynchronousTestCase

from meshd.hosts.acme import network
from meshd.hosts.acme.authority import Authority, new_key
from meshd.hosts.acme.failure import Failed
from meshd.hosts.acme.network import Network
from meshd.values.hosting import Acme
from tests.support.acmeservers import Challenged
from tests.support.daemon import free_port
from tests.web.support import named

PROBLEM = {"type": "urn:ietf:params:acme:error:rateLimited", "detail": "too many certificates of late"}


class NetworkTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.server = Challenged(self)
        self.network = Network(None, "")  # type: ignore[arg-type]

    def url(self, text: str) -> str:
        self.server.texts["text"] = text
        return f"http://127.0.0.1:{self.server.port}/.well-known/acme-challenge/text"

    def failed(self) -> Failed:
        """What an authority comes to that answers with the texts of the server."""
        url = f"http://127.0.0.1:{self.server.port}/.well-known/acme-challenge/text"
        failed = self.assertRaises(Failed, Authority, Acme(url), new_key(), "", threading.Event())
        assert isinstance(failed, Failed)
        return failed

    def test_an_answer_as_it_should_be(self) -> None:
        """Is read to its end, and the connection is used again."""
        for text in ("{}", json.dumps({"a": "x" * 100_000})):
            self.assertEqual(self.network.get(self.url(text)).json(), json.loads(text))

    def test_an_answer_that_is_too_long(self) -> None:
        """Is given up where it passes the bound, in size as in time."""
        self.patch(network, "ANSWER_BYTES", 1000)
        with self.assertRaises(exceptions.ReadTimeout):
            self.network.get(self.url(json.dumps("x" * 1000)))
        self.patch(network, "ANSWER_SECONDS", -1.0)
        with self.assertRaises(exceptions.ReadTimeout):
            self.network.get(self.url("{}"))

    def test_a_conversation_that_is_too_long(self) -> None:
        """Ends before the claim does, whatever is still to be asked."""
        self.patch(network, "CONVERSATION", -1.0)
        with self.assertRaises(exceptions.ReadTimeout):
            Network(None, "").get(self.url("{}"))  # type: ignore[arg-type]
        self.assertEqual(self.server.asked, [])

    def test_the_environment_has_no_say(self) -> None:
        """What the daemon does is said by its settings."""
        nowhere = f"http://127.0.0.1:{free_port()}"
        environment = {"HTTP_PROXY": nowhere, "http_proxy": nowhere, "ALL_PROXY": nowhere, "REQUESTS_CA_BUNDLE": "/x"}
        with patch.dict(os.environ, environment):
            self.assertEqual(Network(None, "").get(self.url("{}")).json(), {})  # type: ignore[arg-type]

    def test_answers_that_are_no_acme(self) -> None:
        """Each comes to a sentence, and to nothing else."""
        for text in ("", "<html>", "[]", "{", '"x"', '{"meta": 7}', '{"meta": {"profiles": 7}}', "null", "1"):
            self.url(text)
            with named(text):
                try:
                    authority = Authority(Acme(self.url(text)), new_key(), "", threading.Event())
                    failed = self.assertRaises(Failed, authority.sign_in)
                except Failed as error:
                    failed = error
                self.assertEqual(str(failed), "The authority's answer could not be understood.")

    def test_a_refusal_for_a_while(self) -> None:
        """Tells how long, which the library's exceptions do not."""
        self.server.refusing = (429, {"Retry-After": "7200", "Content-Type": "application/problem+json"})
        self.url(json.dumps(PROBLEM))
        failed = self.failed()
        self.assertEqual(str(failed), "too many certificates of late (rateLimited)")
        self.assertEqual(failed.wait, 7200)

    def test_a_server_that_is_being_mended(self) -> None:
        """Answers with a page for people."""
        self.server.refusing = (503, {"Retry-After": "60", "Content-Type": "text/html"})
        self.url("<h1>Sorry</h1>")
        failed = self.failed()
        self.assertEqual((str(failed), failed.wait), ("The authority answered 503, with nothing to read.", 60))
