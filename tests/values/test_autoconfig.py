"""What a PAC file says of each URL, as a script engine has it, and what a PvD document holds."""

from __future__ import annotations

import json
import shutil
import subprocess

from twisted.trial.unittest import SynchronousTestCase

from meshd.values.autoconfig import NOWHERE, WORDS, Named, Offered, pac, pac_url, pvd
from meshd.values.times import DAY

API = "api.mesh.example:8443"
US, DE = "us.mesh.example:31280", "[2001:db8::1]:31281"
OFFERED = Offered(api=API, template="/tcp/{target_host}/{target_port}/", pac=True, pvd=True, tls=True, trusted=True)

DIRECT = (
    "localhost",
    "printer",
    "127.0.0.1",
    "127.9.8.7",
    "10.1.2.3",
    "192.168.1.1",
    "169.254.1.1",
    "172.16.0.1",
    "172.31.255.255",
    "::1",
    "[::1]",
    "fe80::1",
    "fd00::1",
    "fc00::1",
    "api.mesh.example",
    "API.mesh.example",
)
PROXIED = (
    "example.com",
    "us.mesh.example",
    "10.example.com",
    "127.0.0.1.example.com",
    "192.168.example",
    "172.15.0.1",
    "172.32.0.1",
    "11.0.0.1",
    "8.8.8.8",
    "2001:db8::2",
    "[2001:db8::2]",
    "ff02::1",
    "fec.example",
    "api.mesh.example.evil.test",
)

ENGINE = """
const vm = require("vm");
const {script, hosts} = JSON.parse(require("fs").readFileSync(0, "utf8"));
const context = vm.createContext({isPlainHostName: (host) => host.indexOf(".") < 0});
vm.runInContext(script, context);
console.log(JSON.stringify(hosts.map((host) => context.FindProxyForURL("http://" + host + "/", host))));
"""


def answers(script: str, hosts: tuple[str, ...]) -> list[str]:
    """What the script says of each host, by an engine that has of PAC's own functions the one that it may use."""
    node = shutil.which("node")
    assert node is not None, "no program node"
    asked = json.dumps({"script": script, "hosts": hosts})
    said = subprocess.run([node, "-e", ENGINE], input=asked, capture_output=True, text=True, check=False)
    assert not said.stderr, said.stderr
    return list(json.loads(said.stdout))


class PacTests(SynchronousTestCase):
    def test_what_goes_where(self) -> None:
        script = pac([US, DE], "HTTPS", API)
        ways = f"HTTPS {US}; HTTPS {DE}"
        self.assertEqual(dict(zip(DIRECT, answers(script, DIRECT), strict=True)), dict.fromkeys(DIRECT, "DIRECT"))
        self.assertEqual(dict(zip(PROXIED, answers(script, PROXIED), strict=True)), dict.fromkeys(PROXIED, ways))

    def test_each_way(self) -> None:
        for word in WORDS.values():
            self.assertEqual(answers(pac([US], word, API), ("example.com",)), [f"{word} {US}"])

    def test_no_proxy(self) -> None:
        """Leads nowhere: to go without one would show what the browser's owner wants hidden."""
        self.assertEqual(answers(pac([], "HTTPS", ""), ("example.com", "10.0.0.1")), [NOWHERE, "DIRECT"])

    def test_nothing_of_a_setting_is_script(self) -> None:
        odd = 'a"};alert(1);//</script>\u2028:1'
        self.assertEqual(
            answers(pac([odd], "PROXY", odd), ("example.com",)), [f"PROXY {odd}".replace("\u2028", "\u2028")]
        )
        self.assertNotIn("</script>", pac([odd], "PROXY", API))
        self.assertTrue(pac([odd], "PROXY", odd).isascii())

    def test_the_usual_way(self) -> None:
        """By TLS, where browsers may know the certificate."""
        for tls, trusted, usual in ((True, True, "https"), (True, False, "http"), (False, True, "http")):
            self.assertEqual(Offered(tls=tls, trusted=trusted).usual, usual)

    def test_the_address(self) -> None:
        self.assertEqual(pac_url(OFFERED, "k3y"), "https://api.mesh.example:8443/proxy.pac?key=k3y")


class PvdTests(SynchronousTestCase):
    def test_a_document(self) -> None:
        told = json.loads(pvd(OFFERED, [Named("us", US), Named("de", DE)], 1_768_478_400 - DAY))
        self.assertEqual(told["identifier"], "api.mesh.example.")
        self.assertEqual((told["expires"], told["prefixes"]), ("2026-01-15T12:00:00Z", []))
        template = "https://api.mesh.example:8443/tcp/{target_host}/{target_port}/"
        self.assertEqual(
            [(each["protocol"], each["proxy"]) for each in told["proxies"]],
            [
                ("connect-tcp", template),
                ("https-connect", US),
                ("http-connect", US),
                ("socks5", US),
                ("connect-tcp", f"{template}?proxy=de"),
                ("https-connect", DE),
                ("http-connect", DE),
                ("socks5", DE),
            ],
        )
        self.assertEqual({key for each in told["proxies"] for key in each}, {"protocol", "proxy"})

    def test_what_is_off(self) -> None:
        told = json.loads(pvd(Offered(api="192.0.2.1:8443", pvd=True), [Named("us", US)], 0))
        self.assertEqual(told["identifier"], "192.0.2.1")
        self.assertEqual([each["protocol"] for each in told["proxies"]], ["http-connect", "socks5"])
