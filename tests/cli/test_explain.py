"""`meshd explain`: its lines, its exit codes, and that it tells nothing secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from twisted.names import dns
from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.resolving import look_up
from meshd.model import Refusal, RestingExit, UsageEntry
from meshd.store.sqlite.file import SQLiteFile
from meshd.store.statements import exits, usage
from tests.cli.support import CommandCase

SETTINGS = """
[destinations]
allow = ["127.0.0.1:8080"]
[[exits]]
name = "rack-1"
kind = "local"
address = "198.51.100.1"
country = "US"
[[exits]]
name = "rack-2"
kind = "local"
address = "198.51.100.2"
country = "US"
[[exits]]
name = "rack-3"
kind = "local"
address = "198.51.100.3"
country = "GB"
[proxies.us]
listen = ["tcp:31280"]
domain = "us.mesh.example:31280"
[proxies.gb]
listen = ["tcp:31281"]
exits = {country = ["GB"]}
"""

PASSES = """\
ok  selection    country-us
ok  account      alice is active
ok  proxy        us is among its proxies
ok  limits       none
ok  exit         one of 2, by chance: rack-1, rack-2
ok  destination  port 443 of 8.8.8.8 may be asked for
ok  addresses    8.8.8.8
would pass by one of 2 exits
"""

REFUSED = """\
ok  selection    session-a1
ok  account      alice is active
ok  proxy        gb is among its proxies
ok  limits       none
ok  exit         rack-3 (local 198.51.100.3), by session a1
ok  destination  port 443 of 10.0.0.1 may be asked for
no  addresses    10.0.0.1 [403 acl-private]
would be refused: 403 acl-private
"""


class ExplainTests(CommandCase):
    def setUp(self) -> None:
        super().setUp()
        self.config = self.settings(SETTINGS)
        self.done("account", "create", "alice", "--no-password", "--plan", "50", "--config", self.config)

    def explain(self, *words: str) -> tuple[int, str]:
        result = self.meshd("--config", self.config, "explain", "--as", "alice", *words)
        self.assertEqual(result.err, "")
        return result.code, result.out

    def last(self, *words: str) -> tuple[str, str]:
        """The last step and the verdict."""
        lines = self.explain(*words)[1].splitlines()
        return lines[-2], lines[-1]

    def write(self, unit: Callable[..., object], *args: object) -> None:
        store = SQLiteFile(f"{self.data_dir}/meshd.sqlite3")
        try:
            store.run(unit, *args)  # type: ignore[arg-type]
        finally:
            store.close()

    def test_one_that_would_pass(self) -> None:
        """Each step with its rule, and 0."""
        self.assertEqual(self.explain("--to", "8.8.8.8", "--select", "country-us"), (0, PASSES))

    def test_one_that_would_be_refused(self) -> None:
        """Up to the step that refuses it, and 1."""
        self.assertEqual(self.explain("--to", "10.0.0.1", "--proxy", "gb", "--select", "session-a1"), (1, REFUSED))

    def test_verdicts(self) -> None:
        """The last two lines."""
        rows = (
            (("8.8.8.8", "--select", "exit-rack%2D2"), "ok  addresses    8.8.8.8", "would pass by exit rack-2"),
            (
                ("8.8.8.8:25",),
                "no  destination  port 25 of 8.8.8.8 [403 acl-port]",
                "would be refused: 403 acl-port",
            ),
            (
                ("8.8.8.8", "--proxy", "gb", "--select", "country-us"),
                "no  exit         no exit of gb is in US [503 no-exit]",
                "would be refused: 503 no-exit",
            ),
            (
                ("127.0.0.1:31280",),
                "no  addresses    127.0.0.1 [403 acl-private]",
                "would be refused: 403 acl-private",
            ),
            (("127.0.0.1:8080", "--plain"), "ok  addresses    127.0.0.1", "would pass by one of 3 exits"),
            (
                ("8.8.8.8", "--udp"),
                "no  udp          udp.on is False [501 not-implemented]",
                "would be refused: 501 not-implemented",
            ),
            (("www.example", "--no-resolve"), "ok  addresses    not looked up", "would pass by one of 3 exits"),
            (
                ("http://meshd.internal/", "--plain"),
                "ok  destination  answered by meshd itself",
                "would be answered by meshd itself",
            ),
            (
                ("a.example", "--select", "ttl-x"),
                "no  selection    ttl at character 7: needs up to five digits, and s, m, h or d behind them if not"
                " seconds [400 bad-selection]",
                "would be refused: 400 bad-selection",
            ),
        )
        for (to, *words), *expected in rows:
            self.assertEqual(self.last("--to", to, *words), tuple(expected), to)

    def test_where_datagrams_are_taken(self) -> None:
        """Is no destination of a customer's datagrams, and is one of connections."""
        self.config = self.settings(f'[udp]\non = true\nports = ["8080-8089"]\naddress = "8.8.8.8"\n{SETTINGS}')
        for to, words, status in (
            ("8.8.8.8:8085", ("--udp",), 1),
            ("127.0.0.1:8085", ("--udp",), 1),
            ("8.8.8.8:8090", ("--udp",), 0),
            ("8.8.8.8:8085", (), 0),
        ):
            self.assertEqual(self.explain("--to", to, *words)[0], status, (to, words))

    def test_connect_tcp(self) -> None:
        """By the URL of such a request: its destination and its proxy; nothing where it is not served."""
        url = "https://api.mesh.example:8443/.well-known/masque/tcp/8.8.8.8/443/"
        for query, proxy in (("", "us"), ("?proxy=gb", "gb"), ("?proxy=us", "us")):
            status, out = self.explain("--to", url + query, "--no-resolve")
            self.assertEqual(status, 0)
            self.assertTrue(out.startswith("ok  carrier      CONNECT-TCP at the address of the API"), out)
            self.assertIn(f"ok  proxy        {proxy} is among its proxies\nok  limits", out)
            self.assertIn("port 443 of 8.8.8.8", out)
        for wrong in (f"{url}?proxy=nobody", url.replace("443/", "0/"), f"{url}?x=1"):
            self.misused("--config", self.config, "explain", "--as", "alice", "--to", wrong)
        for setting in ("connect_tcp", "tls"):
            self.settings(SETTINGS + f"[api]\n{setting} = false\n")
            self.misused("--config", self.config, "explain", "--as", "alice", "--to", url)

    def test_ports_and_schemes(self) -> None:
        """443 for a tunnel, 80 for a plain request, where none is said."""
        for words, port in ((("8.8.8.8",), 443), (("8.8.8.8", "--plain"), 80), (("http://8.8.8.8/x", "--plain"), 80)):
            self.assertEqual(self.json_of("--to", *words)["port"], port)

    def test_http2(self) -> None:
        """It is judged as any request, where it is spoken at all."""
        words = ("--to", "8.8.8.8", "--select", "country-us", "--http2")
        served = "ok  protocol     a stream of HTTP/2 by TLS, judged as this request by HTTP/1.1\n"
        self.assertEqual(self.explain(*words), (0, served + PASSES))
        self.config = self.settings(f"[proxy]\nhttp2 = false\n{SETTINGS}")
        code, out = self.explain(*words)
        self.assertEqual((code, out.partition("\n")[2]), (0, PASSES))
        self.assertTrue(out.startswith("ok  protocol     proxy.http2 is off: "), out)
        self.config = self.settings(f"[proxy]\ntls = false\n{SETTINGS}")
        code, out = self.explain(*words)
        self.assertEqual((code, out.splitlines()[-1]), (1, "would be refused: 400 bad-request"))
        self.assertTrue(out.startswith("no  protocol     proxy.tls is off: "), out)

    def json_of(self, *words: str) -> dict[str, object]:
        result = self.meshd("--json", "--config", self.config, "explain", "--as", "alice", *words)
        return dict(result.json)

    def test_as_json(self) -> None:
        """The same for a script."""
        found = self.json_of("--to", "10.0.0.1", "--no-resolve")
        self.assertEqual((found["passes"], found["status"], found["reason"]), (False, 403, "acl-private"))
        self.assertEqual(found["exits"], [])
        found = self.json_of("--to", "8.8.8.8", "--select", "exit-rack%2D2")
        self.assertEqual((found["passes"], found["status"], found["exits"]), (True, None, ["rack-2"]))

    def test_a_limit(self) -> None:
        """As the store has it."""
        self.done("account", "set", "alice", "--total-limit", "0.5", "--config", self.config)
        self.write(usage.apply, "test", 1, 1768478400, [UsageEntry(1, 0, 0, 0, 500_000_000, 1)])
        self.assertEqual(
            self.last("--to", "8.8.8.8"),
            (
                "no  limits       alice has used 0.500 of 0.500 GB in all [509 quota-total]",
                "would be refused: 509 quota-total",
            ),
        )

    def test_exits_that_are_not_up(self) -> None:
        """Drained by the operator, or resting as a process has written down."""
        self.write(exits.drain, "rack-1", 1768478400, "operator:test")
        self.write(exits.record, "host:1", [RestingExit("host:1", "rack-3", 2**40, 3, "exit-failed", 0)], [])
        self.assertEqual(self.last("--to", "8.8.8.8")[1], "would pass by exit rack-2")
        self.assertEqual(
            self.last("--to", "8.8.8.8", "--proxy", "gb"),
            ("no  exit         of 1 exit: 1 resting [503 no-exit]", "would be refused: 503 no-exit"),
        )

    def test_a_token(self) -> None:
        """By its number; a foreign one is none."""
        made = self.done("--json", "token", "create", "alice", "--select", "country-gb", "--config", self.config).json
        self.assertEqual(self.last("--to", "8.8.8.8", "--token", str(made["id"]))[1], "would pass by exit rack-3")
        self.assertNotIn(made["token"][3:], self.explain("--to", "8.8.8.8", "--token", str(made["id"]))[1])
        self.customer("bob", "--plan", "50")
        for words in (("--as", "bob", "--token", str(made["id"])), ("--as", "alice", "--token", "99")):
            self.misused("--config", self.config, "explain", "--to", "8.8.8.8", *words)

    def test_the_user_name_as_a_client_sends_it(self) -> None:
        """With a selection behind it; of two accounts that it may mean the longer one."""
        words = ("--config", self.config, "explain", "--to", "8.8.8.8", "--as")
        self.assertIn("of 2, by chance", self.done(*words, "Alice-country-us").out)
        self.old_account("alice-country-us")
        self.assertIn("alice-country-us is active", self.meshd(*words, "alice-country-us").out)

    def test_what_is_not_known(self) -> None:
        """Wrong usage, as a misspelt option is."""
        for words in (
            ("--as", "nobody", "--to", "8.8.8.8"),
            ("--as", "alice", "--to", "8.8.8.8", "--proxy", "moon"),
            ("--as", "alice", "--to", "a b"),
            ("--as", "alice", "--to", "8.8.8.8:99999"),
            ("--as", "alice"),
        ):
            self.misused("--config", self.config, "explain", *words)


class LookUpTests(SynchronousTestCase):
    """Names, as the daemon would look them up."""

    def setUp(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.server = f"127.0.0.1:{self.socket.getsockname()[1]}"
        thread = threading.Thread(target=self.serve, daemon=True)
        thread.start()
        self.addCleanup(self.socket.close)
        self.addCleanup(thread.join, 10)
        self.addCleanup(self.socket.sendto, b"", self.socket.getsockname())

    def serve(self) -> None:
        """Answer with an address for `known`, with "no such name" for others, until nothing comes."""
        while True:
            data, peer = self.socket.recvfrom(4096)
            if not data:
                return
            message = dns.Message()
            message.fromStr(data)
            query = message.queries[0]
            known = query.name.name.lower() == b"known.example"
            answer = dns.Message(message.id, answer=1, rCode=dns.OK if known else dns.ENAME)
            answer.queries = message.queries
            if known and query.type == dns.A:
                answer.answers = [dns.RRHeader(query.name.name, dns.A, payload=dns.Record_A("192.0.2.7"))]
            self.socket.sendto(answer.toStr(), peer)

    def test_by_the_name_servers_of_the_settings(self) -> None:
        """Also one after the other in one process."""
        self.assertEqual(look_up("known.example", [self.server], 5.0), ("192.0.2.7",))
        self.assertEqual(look_up("other.example", [self.server], 5.0), Refusal("dns-error", "no such name"))

    def test_a_silent_name_server(self) -> None:
        """Within the time that the settings give it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            found = look_up("known.example", [f"127.0.0.1:{silent.getsockname()[1]}"], 0.3)
        assert isinstance(found, Refusal)
        self.assertEqual(found.reason, "dns-timeout")

    def test_by_the_system(self) -> None:
        """Whatever it has to say of a name that cannot exist (RFC 6761), it is said in time."""
        found = look_up("nobody.invalid", (), 5.0)
        assert isinstance(found, Refusal)
        self.assertIn(found.reason, ("dns-error", "dns-timeout"))

    def test_without_asking_anybody(self) -> None:
        """Addresses, localhost, and what is no name."""
        self.assertEqual(look_up("localhost", (), 5.0), ("::1", "127.0.0.1"))
        self.assertEqual(look_up("::1", (), 5.0), ("::1",))
        self.assertEqual(look_up("1.2.3.999", (), 5.0), Refusal("dns-error", "not an address"))
