"""The examples of PosternProxy's page about access tokens, verbatim but for the host's name, typed into a shell."""

from __future__ import annotations

import json
import shutil
import subprocess

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.postern import Management
from tests.support.daemon import clean_environment

USING = r"""
curl -H "Authorization: Bearer <your-token>" \
     http://host:81/api/proxy-hosts
"""

CREATING = r"""
curl -X POST \
  -H "Authorization: Bearer <token>" \
  -H "Content-Type: application/json" \
  -d '{
    "domain_names": ["app.example.com"],
    "forward_scheme": "http",
    "forward_host": "192.168.1.10",
    "forward_port": 3000,
    "ssl_forced": true,
    "enabled": true
  }' \
  http://host:81/api/proxy-hosts
"""


class ExampleTests(SynchronousTestCase):
    def setUp(self) -> None:
        if shutil.which("curl") is None:
            raise SkipTest("there is no curl on this machine")
        self.management = Management(self, 'acme_directory = "https://127.0.0.1:1/directory"\n')
        self.token = self.management.token("ci-deploy")

    def typed(self, example: str) -> tuple[int, str]:
        """The status and the body of an example's answer."""
        place = self.management.url.removeprefix("http://")
        text = example.replace("<your-token>", self.token).replace("<token>", self.token)
        text = text.replace("host:81", place).replace("curl ", "curl -s -w '\\n%{http_code}' ", 1)
        done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, env=clean_environment(), check=True)
        body, _, status = done.stdout.rpartition("\n")
        return int(status), body

    def test_the_examples(self) -> None:
        """An empty list; a host; a list with the host."""
        self.assertEqual(self.typed(USING), (200, "[]"))
        status, body = self.typed(CREATING)
        self.assertEqual(status, 201, body)
        made = json.loads(body)
        sent = {
            "domain_names": ["app.example.com"],
            "forward_scheme": "http",
            "forward_host": "192.168.1.10",
            "forward_port": 3000,
            "ssl_forced": True,
            "enabled": True,
        }
        self.assertEqual({name: made[name] for name in sent}, sent)
        status, body = self.typed(USING)
        self.assertEqual((status, [each["id"] for each in json.loads(body)]), (200, [made["id"]]))
        self.token = self.token[:-1] + ("x" if self.token[-1] != "x" else "y")
        self.assertEqual(self.typed(USING)[0], 401)
