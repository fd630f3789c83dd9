"""Clients that try a 429 again at once, or not at all, and read no `Retry-After`: the defaults make them wait in line.

A client that opens more tunnels at once than its account may open in a second gets all of them, each in its turn.
"""

from __future__ import annotations

import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from typing import Any

import urllib3
from twisted.trial.unittest import SkipTest, SynchronousTestCase

from tests.support.daemon import LiveDaemon, clean_environment, until
from tests.support.origin import RecordingOrigin, authority, pattern

AT_ONCE = 24
CONFIG = """
[limits]
new_tunnels_per_second = 8
requests_per_second = 8
flush_seconds = 0.05
"""


class WaitingTest(SynchronousTestCase):
    """Three seconds' worth at once."""

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(config=CONFIG)
        cls.addClassCleanup(cls.daemon.close)
        cls.secure, cls.plain = RecordingOrigin(tls=True), RecordingOrigin()
        cls.addClassCleanup(cls.secure.close)
        cls.addClassCleanup(cls.plain.close)

    def account(self, name: str) -> str:
        """Its proxy's URL."""
        return f"http://{name}:{self.daemon.account(name)}@127.0.0.1:{self.daemon.proxy_port}"

    def assert_none_was_refused(self, name: str, least: int) -> None:
        """Some have waited, and nobody was told so."""

        def lines() -> list[dict[str, Any]]:
            return [line for line in self.daemon.exchanges() if line["username"] == name]

        until(lambda: len(lines()) >= least, "each has ended")
        self.assertEqual({line["status"] for line in lines()}, {200})

    def test_urllib3(self) -> None:
        """Without a second try of its own; tunnels and plain requests."""
        proxy = self.account("urllib3")
        user, _, address = proxy.removeprefix("http://").rpartition("@")
        for origin in (self.secure, self.plain):

            def fetch(_: int, origin: RecordingOrigin = origin) -> bytes:
                fields = urllib3.make_headers(proxy_basic_auth=user)
                with urllib3.ProxyManager(f"http://{address}", proxy_headers=fields, ca_certs=authority().file) as pool:
                    return pool.request("GET", origin.url("/bytes/1000"), headers=fields, retries=False).data

            began = time.monotonic()
            with ThreadPoolExecutor(AT_ONCE) as threads:
                self.assertEqual(set(threads.map(fetch, range(AT_ONCE))), {pattern(1000)})
            self.assertGreater(time.monotonic() - began, 1.5)
        self.assert_none_was_refused("urllib3", 2 * AT_ONCE)

    def test_boto3(self) -> None:
        """Objects of a store, each by a client of its own, with a single attempt."""
        try:
            import boto3
            from botocore.config import Config
        except ImportError as missing:
            raise SkipTest("no package boto3: pip install -e '.[clients]'") from missing
        proxy = self.account("boto3")
        settings = Config(
            proxies={"https": proxy},
            retries={"total_max_attempts": 1},
            s3={"addressing_style": "path"},
            response_checksum_validation="when_required",
        )
        session = boto3.session.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name="us-east-1")
        url = self.secure.url("").rstrip("/")
        clients = [
            session.client("s3", endpoint_url=url, verify=authority().file, config=settings) for _ in range(AT_ONCE)
        ]
        with ThreadPoolExecutor(AT_ONCE) as threads:
            found = threads.map(lambda client: client.get_object(Bucket="bytes", Key="1000")["Body"].read(), clients)
            self.assertEqual(set(found), {pattern(1000)})
        for client in clients:
            client.close()
        self.assert_none_was_refused("boto3", AT_ONCE)

    def test_aria2c(self) -> None:
        """Many files at once, told to try nothing again."""
        if which("aria2c") is None:
            raise SkipTest("no program aria2c")
        proxy = self.account("aria2c")
        with tempfile.TemporaryDirectory() as folder:
            links = Path(folder, "links")
            names = [f"{number}" for number in range(AT_ONCE)]
            links.write_text("".join(f"{self.secure.url('/bytes/1000')}?{name}\n  out={name}\n" for name in names))
            words = ["aria2c", "-q", "-m", "1", "-j", str(AT_ONCE), "-d", folder, "-i", str(links), "--no-conf"]
            command = [*words, f"--all-proxy={proxy}", f"--ca-certificate={authority().file}"]
            done = subprocess.run(
                command, timeout=60, env=clean_environment(), capture_output=True, text=True, check=False
            )
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual({Path(folder, name).read_bytes() for name in names}, {pattern(1000)})
        self.assert_none_was_refused("aria2c", AT_ONCE)
