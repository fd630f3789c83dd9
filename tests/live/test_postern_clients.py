"""Clients of Nginx Proxy Manager's API, unmodified, against the management of hosts of a live daemon.

They come by the extra `postern-clients`; POSTERN_CLIENTS names another interpreter that has them.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.live.postern import EMAIL, PASSWORD, Management
from tests.support.daemon import clean_environment, free_port
from tests.tls.authority import issued

WORKER = Path(__file__).with_name("postern_worker.py")


def interpreter() -> str:
    """Of the clients.  SkipTest where there is none."""
    found = os.environ.get("POSTERN_CLIENTS") or sys.executable
    if subprocess.run([found, "-c", "import npm_mcp, npm_cli"], capture_output=True, check=False).returncode:
        raise SkipTest("the clients are not installed: pip install -e '.[postern-clients]'")
    return found


class ClientTests(SynchronousTestCase):
    """Each with a daemon of its own, as each makes the same names."""

    def setUp(self) -> None:
        self.python = interpreter()
        self.management = Management(self)

    def walked(self, client: str) -> dict[str, Any]:
        """What the client made of each step."""
        shop = issued("shop.example.com", now=int(time.time()), hosts=["shop.example.com"])
        told = {
            "client": client,
            "url": self.management.url,
            "email": EMAIL,
            "password": PASSWORD,
            "certificate": shop.pem,
            "key": shop.key_pem,
            "port": free_port(),
        }
        done = self.run_program(self.python, str(WORKER), json.dumps(told))
        self.assertEqual(done.returncode, 0, f"{client}: {done.stderr[-2000:]}")
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return found

    def run_program(self, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """In an empty home, so that nothing is found of an earlier run."""
        home = tempfile.mkdtemp(prefix="meshd-postern-")
        settings = clean_environment() | {
            "HOME": home,
            "COLUMNS": "200",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
        }
        return subprocess.run(
            words, capture_output=True, text=True, timeout=300, check=False, env=settings | environment, cwd=home
        )

    def test_the_sdk(self) -> None:
        """nginx-proxy-manager-sdk: signs in, reads an end with its zone, hosts and certificates."""
        found = self.walked("sdk")
        self.assertEqual(
            {name: found[name] for name in ("login", "refresh", "create", "list", "update", "disable", "enable")},
            {
                "login": True,
                "refresh": True,
                "create": ["app.example.com"],
                "list": [True],
                "update": 3001,
                "disable": True,
                "enable": True,
            },
        )
        self.assertIn("already enabled", found["again"])
        self.assertEqual((found["upload"], found["meta"], found["certificates"]), (["shop.example.com"], {}, ["shop"]))
        self.assertEqual(found["test"], {"app.example.com": "ok", "other.example.com": "no-host"})
        self.assertEqual(found["deleted"], [True, True])
        self.assertIn("Not Found", found["gone"])
        self.assertIn("Invalid email or password", found["wrong"])

    def test_the_mcp_servers_client(self) -> None:
        """nginx-proxy-manager-mcp: all kinds of hosts, certificates, lists, users, settings, reports."""
        found = self.walked("mcp")
        for kind in ("proxy_host", "redirection_host", "stream", "dead_host"):
            self.assertEqual(found[kind], [True, 1, True], kind)
        self.assertEqual(found["report"], {"proxy": 1, "redirection": 1, "stream": 1, "dead": 1})
        self.assertEqual(found["left"], dict.fromkeys(found["report"], 0))
        self.assertEqual((found["access_list"], found["access_lists"]), (["office", "office"], ["office"]))
        self.assertEqual((found["certificate"], found["providers"]), (["letsencrypt", True], []))
        self.assertEqual(found["test"], {"app.example.com": "ok"})
        self.assertIn(EMAIL, found["users"])
        self.assertEqual(found["settings"], ["404"])
        self.assertGreater(found["audit"], 10)
        self.assertEqual((found["wrong"], found["signs in again"]), ("NPMAuthenticationError", 0))

    def test_cli_anything(self) -> None:
        """cli-anything-npm: nearly all of the API, by its client class; then its command."""
        found = self.walked("cli-anything")
        self.assertEqual(found["health"], "OK")
        self.assertIn("Sign in", found["unknown"])
        self.assertEqual((found["proxy_host"], found["update"], found["switch"]), ([True, 1], 3001, [True, True]))
        self.assertEqual((found["stream"], found["streams"]), (True, [True]))
        self.assertEqual((found["redirection"], found["dead"]), (301, [True, True]))
        self.assertEqual(
            (found["certificate"], found["judged"], found["providers"]), ("letsencrypt", "shop.example.com", [])
        )
        self.assertEqual((found["access"], found["settings"]), ("office", ["default-site"]))
        self.assertEqual(found["user"][0], "bo@mesh.example")
        self.assertEqual(found["report"], {"proxy": 1, "redirection": 1, "stream": 0, "dead": 0})
        self.assertEqual((found["audit"], found["version"], found["schema"]), ([5, True], False, "3.1.0"))
        self.assertIn("Not Found", found["gone"])
        program = str(Path(self.python).with_name("cli-anything-npm"))
        session = self.management.session()
        words = (program, "--url", f"{self.management.url}/api", "--token", session, "--json", "proxy-host", "list")
        done = self.run_program(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("app.example.com", done.stdout)

    def test_npm_cli(self) -> None:
        """npm-cli: the strictest reader; it signs in before each command, and is never told to wait for that."""
        program = str(Path(self.python).with_name("npm-cli"))
        settings = {
            "NPM_API_URL": self.management.url,
            "NPM_USERNAME": EMAIL,
            "NPM_PASSWORD": PASSWORD,
            "NPM_USE_DOCKER_DISCOVERY": "false",
        }

        def typed(*words: str) -> str:
            done = self.run_program(program, *words, **settings)
            self.assertEqual(done.returncode, 0, f"{words}: {done.stdout}{done.stderr}")
            return done.stdout

        host = ("app.example.com", "-h", "10.0.0.2", "-p", "3000", "-c", "0")  # its own check refuses no certificate
        self.assertIn("Created proxy host", typed("proxy", "create", *host))
        for _ in range(7):
            self.assertIn("app.example.com", typed("proxy", "list"))
        self.assertIn("10.0.0.2", typed("proxy", "show", "1"))
        typed("proxy", "update", "1", "--port", "3001")
        self.assertIn("3001", typed("proxy", "show", "1"))
        typed("cert", "create", "-d", "shop.example.com", "--email", EMAIL)
        self.assertIn("shop.example.com", typed("cert", "list"))
        typed("config", "status")
