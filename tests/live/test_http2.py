"""HTTP/2 to the proxy (RFC 9113): every stream an exchange of its own account, counted as by HTTP/1.1."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from typing import Any

from h2.errors import ErrorCodes
from twisted.trial.unittest import SynchronousTestCase

from meshd.http2.farewell import EVERY
from meshd.proxy.session import STREAMS
from meshd.proxy.stream import WINDOW
from tests.support.balance import Balanced
from tests.support.daemon import LiveDaemon, free_port
from tests.support.echoes import LIMITED, Echoes, body_of
from tests.support.http2 import Came, Header, Session, basic, connect, get


class Case(Balanced, SynchronousTestCase):
    """One daemon for all tests of a class; each has accounts of its own."""

    settings = ""
    """TOML that comes before the tables."""
    tables = ""
    daemon: LiveDaemon
    origin: Echoes

    @classmethod
    def setUpClass(cls) -> None:
        cls.daemon = LiveDaemon(cls, f"{cls.settings}[limits]\nflush_seconds = 0.1\n{cls.tables}", store=cls.store())
        cls.origin = Echoes(cls)

    @classmethod
    def store(cls) -> str:
        """Where accounts are: "" for SQLite."""
        return ""

    def customer(self, name: str, **options: str) -> Header:
        return basic(name, self.daemon.account(name, **options))

    def session(self, **options: Any) -> Session:
        session = Session(self.daemon, **options)
        self.addCleanup(session.close)
        return session

    @property
    def http(self) -> str:
        return f"127.0.0.1:{self.origin.http}"

    @property
    def raw(self) -> str:
        return f"127.0.0.1:{self.origin.raw}"


class ExchangeTests(Case):
    told_of_a_reset: ErrorCodes | None = ErrorCodes.CONNECT_ERROR
    """What becomes of a tunnel whose origin resets; None: some proxy on the way tells of an end."""

    def test_requests(self) -> None:
        """Are answered, and counted as HTTP/1.1 would have said them."""
        session, anna = self.session(), self.customer("anna")
        self.assertEqual(session.protocol, "h2")
        found = session.ask(get(self.http, "/n/500/m", anna))
        self.assertEqual((found.status, found.body), (200, body_of(b"m", 500)))
        for name in (b"connection", b"transfer-encoding", b"keep-alive"):
            self.assertNotIn(name, found.heads[-1])
        chunked = session.ask(get(self.http, "/c/70000/m", anna))
        self.assertEqual((chunked.status, chunked.body), (200, body_of(b"m", 70_000)))
        self.assertEqual((session.ask(get(self.http, "/n/9/m", anna, method="HEAD")).status), 200)
        line = self.lines("anna", 3)[0]
        head = b"GET http://%b/n/500/m HTTP/1.1\r\nhost: %b\r\nproxy-authorization: %b\r\n\r\n" % (
            (self.http.encode(),) * 2 + (anna[1],)
        )
        self.assertEqual((line["method"], line["status"], line["up"]), ("GET", 200, len(head)))
        self.balance("anna", 3)

    def test_bodies(self) -> None:
        """Larger than any window, with their length told and not."""
        session, bert = self.session(), self.customer("bert")
        body = bytes(range(256)) * 2000
        for more in ((), ((b"content-length", b"%d" % len(body)),)):
            found = session.ask(get(self.http, "/p/m", bert, *more, method="POST"), body)
            self.assertEqual((found.status, found.body), (200, body))
        up = [line["up"] for line in self.lines("bert", 2)]
        self.assertTrue(all(each > len(body) for each in up))
        self.balance("bert", 2)

    def test_tunnel(self) -> None:
        """Carries both ways, and ends one of them alone; counted to the byte."""
        session, carl = self.session(), self.customer("carl")
        number = session.begin(connect(self.raw, carl), None)
        self.assertEqual(session.head(number).status, 200)
        sent = b"E" + b"x" * (3 * WINDOW)
        session.send(number, sent)
        self.assertEqual(session.until_body(number, len(sent) - 1), sent[1:])
        session.end(number)
        self.assertTrue(session.answer(number).ended)
        (line,) = self.lines("carl", 1)
        head = b"CONNECT %b HTTP/1.1\r\nhost: %b\r\nproxy-authorization: %b\r\n\r\n" % (
            (self.raw.encode(),) * 2 + (carl[1],)
        )
        self.assertEqual((line["method"], line["status"], line["reason"]), ("CONNECT", 200, ""))
        self.assertEqual(line["up"], len(head) + len(sent))
        self.balance("carl", 1)

    def test_the_origin_ends_first(self) -> None:
        """Its end arrives, and what the client sends still goes up."""
        session, dora = self.session(), self.customer("dora")
        number = session.begin(connect(self.raw, dora), None)
        session.head(number)
        session.send(number, b"L")
        self.assertEqual(len(session.answer(number).body), LIMITED)
        self.assertTrue(session.came[number].ended)
        session.end(number)
        self.balance("dora", 1)

    def test_refusals(self) -> None:
        """Say what they say by HTTP/1.1, and the session goes on."""
        session, emil = self.session(), self.customer("emil")
        secret = (b":scheme", b"https")
        for headers, status in (
            (connect(self.raw), 407),
            (connect(self.raw, basic("emil", "wrong")), 407),
            (get(self.http, "/n/1/m"), 407),
            (connect(f"127.0.0.1:{free_port()}", emil), 502),
            (connect("10.1.2.3:80", emil), 403),
            ([secret if pair[0] == b":scheme" else pair for pair in get(self.http, "/", emil)], 501),
            (get("meshd.internal", "/", emil), 200),
        ):
            tunnel = headers[0][1] == b"CONNECT"
            number = session.begin(headers, None if tunnel else b"")
            found = session.answer(number)
            self.assertEqual((found.status, found.ended), (status, True), headers)
            self.assertTrue(found.body)
            if status == 407:
                self.assertIn(b"Basic", found.heads[-1][b"proxy-authenticate"])
        self.assertFalse(session.gone)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", emil)).status, 200)

    def test_two_accounts(self) -> None:
        """On one session each pays for its own."""
        session = self.session()
        names = ("fred", "gwen")
        credentials = [self.customer(name) for name in names]
        numbers = [session.begin(get(self.http, f"/n/{1000 * (at + 1)}/m", credentials[at % 2])) for at in range(20)]
        for at, number in enumerate(numbers):
            self.assertEqual(session.answer(number).body, body_of(b"m", 1000 * (at + 1)))
        downs = [sorted(line["down"] // 1000 for line in self.lines(name, 10)) for name in names]
        self.assertEqual(downs, [list(range(1, 21, 2)), list(range(2, 21, 2))])
        for name in names:
            self.balance(name, 10)

    def test_limit(self) -> None:
        """Is met to the byte, and ends the stream as no whole answer."""
        limited = self.customer("hugo", **{"total-limit": "0.0002"})
        session = self.session()
        number = session.begin(connect(self.raw, limited), None)
        session.head(number)
        session.send(number, b"P")
        found = session.answer(number)
        self.assertEqual((found.ended, found.reset), (False, ErrorCodes.CONNECT_ERROR))
        self.assertEqual(self.balance("hugo", 1), 200_000)
        other = session.ask(get(self.http, "/n/5/m", self.customer("ida")))
        self.assertEqual(other.status, 200)

    def test_limit_while_the_client_takes_nothing(self) -> None:
        """All that was counted of a tunnel or an answer waits for the client, and comes before its end that is none."""
        for name, tunnel in (("hella", True), ("henk", False)):
            whole = f"{name}-whole"
            session = self.session()
            found = session.answer(self._limited(session, self.customer(whole), b"L", tunnel=tunnel))
            self.assertEqual(len(found.body), LIMITED)
            session.close()
            (line,) = self.lines(whole, 1)
            head = line["down"] - LIMITED
            session, limited = self.session(takes=False), self.customer(name, **{"total-limit": "0.00015"})
            number = self._limited(session, limited, b"P", tunnel=tunnel)
            (line,) = self.lines(name, 1)
            self.assertEqual((line["reason"], line["up"] + line["down"]), ("quota-total", 150_000))
            session.takes = True
            for stream in (None, number):
                session.http.increment_flow_control_window(10**6, stream)
            session.flush()
            found = session.answer(number)
            self.assertFalse(found.ended, name)
            self.assertEqual(found.reset, ErrorCodes.CONNECT_ERROR if tunnel else ErrorCodes.INTERNAL_ERROR)
            self.assertEqual(len(found.body), line["down"] - head)
            self.balance(name, 1)

    def _limited(self, session: Session, who: Header, kind: bytes, *, tunnel: bool) -> int:
        """A stream by which LIMITED comes, or without end."""
        if not tunnel:
            return session.begin(get(self.http, f"/n/{LIMITED}/m", who))
        number = session.begin(connect(self.raw, who), None)
        session.head(number)
        session.send(number, kind)
        return number

    def test_a_client_that_resets(self) -> None:
        """Its tunnel ends, and no other."""
        session, jane = self.session(), self.customer("jane")
        first, second = (session.begin(connect(self.raw, jane), None) for _ in range(2))
        for number in (first, second):
            session.head(number)
            session.send(number, b"E")
        session.http.reset_stream(first, ErrorCodes.CANCEL)
        session.flush()
        self.lines("jane", 1)
        session.send(second, b"still")
        self.assertEqual(session.until_body(second, 5), b"still")

    def test_room_for_a_stream_that_is_reset(self) -> None:
        """In one read, as clients send it that want no more of a download: the others of the session go on."""
        session, lars = self.session(takes=False), self.customer("lars")
        tunnel = session.begin(connect(self.raw, lars), None)
        session.head(tunnel)
        session.send(tunnel, b"E")
        download = session.begin(get(self.http, "/n/1000000/m", lars))
        session.until_body(download, 60_000)
        session.http.increment_flow_control_window(100_000)
        session.http.increment_flow_control_window(100_000, download)
        session.http.reset_stream(download, ErrorCodes.CANCEL)
        session.flush()
        session.send(tunnel, b"still")
        self.assertEqual(session.until_body(tunnel, 5), b"still")

    def test_an_origin_that_resets(self) -> None:
        """Its tunnel is reset, and no other."""
        with socket.create_server(("127.0.0.1", 0)) as listener:
            session, karl = self.session(), self.customer("karl")
            number = session.begin(connect(f"127.0.0.1:{listener.getsockname()[1]}", karl), None)
            accepted, _ = listener.accept()
            session.head(number)
            accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            accepted.close()
            self.assertEqual(session.answer(number).reset, self.told_of_a_reset)
        self.assertEqual(session.ask(get(self.http, "/n/5/m", karl)).status, 200)

    def test_one_that_takes_nothing(self) -> None:
        """A stream whose client gives no room holds up none of the others."""
        session, lena = self.session(takes=False), self.customer("lena")
        stalled = session.begin(get(self.http, "/n/1000000/m", lena))
        session.until_body(stalled, 60_000)
        session.http.increment_flow_control_window(10**6)
        session.flush()
        found = session.ask(get(self.http, "/n/30000/m", lena))
        self.assertEqual((found.status, len(found.body)), (200, 30_000))
        session.takes = True
        session.http.increment_flow_control_window(10**6, stalled)
        session.flush()
        self.assertTrue(session.answer(stalled).ended)

    def test_one_whose_origin_takes_nothing(self) -> None:
        """What is sent to an origin that does not read waits, and what others send does not."""
        session, mina = self.session(), self.customer("mina")
        stalled = session.begin(connect(self.raw, mina), None)
        session.head(stalled)
        session.send(stalled, b"S")
        while session.http.local_flow_control_window(stalled):
            size = min(session.http.local_flow_control_window(stalled), session.http.max_outbound_frame_size)
            session.http.send_data(stalled, b"x" * size)
            session.flush()
        body = b"y" * (4 * WINDOW)
        self.assertEqual(session.ask(get(self.http, "/p/m", mina, method="POST"), body).body, body)

    def test_a_body_that_is_not_as_it_was_told(self) -> None:
        """Is reset: what is too much would be the next request."""
        session, nils = self.session(), self.customer("nils")
        smuggled = b"GET http://meshd.internal/ HTTP/1.1\r\nHost: x\r\n\r\n"
        for body in (b"abc" + smuggled, b"ab"):
            headers = get(self.http, "/p/m", nils, (b"content-length", b"3"), method="POST")
            session.http.send_headers(number := session.http.get_next_available_stream_id(), headers)
            session.send(number, body, last=True)
            found = session.answer(number)
            self.assertEqual((found.status, found.reset), (0, ErrorCodes.PROTOCOL_ERROR))
        self.assertEqual(session.ask(get(self.http, "/n/5/m", nils)).status, 200)

    def test_many(self) -> None:
        """As many streams at once as the session offers; one more is refused, and can be asked again."""
        session, olga = self.session(), self.customer("olga")
        numbers = [session.begin(connect(self.raw, olga), None) for _ in range(STREAMS)]
        for number in numbers:
            self.assertEqual(session.head(number).status, 200)
        session.http.remote_settings.acknowledge()
        session.http.remote_settings[0x3] = STREAMS + 1
        session.http.remote_settings.acknowledge()
        self.assertEqual(session.ask(get(self.http, "/n/5/m", olga)).reset, ErrorCodes.REFUSED_STREAM)
        session.end(numbers[0])
        session.answer(numbers[0])
        self.assertEqual(session.ask(get(self.http, "/n/5/m", olga)).status, 200)


class BoundsTests(Case):
    def test_idle_sessions(self) -> None:
        """Count for their account as idle connections do: of too many the oldest is ended."""
        other = LiveDaemon(self, "[limits]\ntunnels_per_account = 3\n")
        vera = basic("vera", other.account("vera"))
        sessions = []
        for _ in range(5):
            sessions.append(session := Session(other))
            self.addCleanup(session.close)
            self.assertEqual(session.ask(get(self.http, "/n/5/m", vera)).status, 200)
        self.assertEqual(sessions[0].until_gone(), ErrorCodes.NO_ERROR)
        self.assertEqual(sessions[-1].ask(get(self.http, "/n/5/m", vera)).status, 200)


class SettingTests(Case):
    def test_a_client_without_http2(self) -> None:
        """Is served as ever."""
        paul = self.customer("paul")
        context = ssl.create_default_context(cafile=str(self.daemon.certificate))
        context.set_alpn_protocols(["http/1.1"])
        with socket.create_connection(("127.0.0.1", self.daemon.proxy_port), 60) as plain:
            sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")
            line = b"GET http://%b/n/5/m HTTP/1.1\r\nHost: h\r\n" % self.http.encode()
            sock.sendall(line + b"Proxy-Authorization: %b\r\n\r\n" % paul[1])
            self.assertTrue(sock.recv(4096).startswith(b"HTTP/1.1 200 "))
            sock.close()

    def test_switched_off(self) -> None:
        """A client that would speak it has HTTP/1.1."""
        other = LiveDaemon(self, "[proxy]\nhttp2 = false\n")
        context = ssl.create_default_context(cafile=str(other.certificate))
        context.set_alpn_protocols(["h2", "http/1.1"])
        with socket.create_connection(("127.0.0.1", other.proxy_port), 60) as plain:
            sock = context.wrap_socket(plain, server_hostname="127.0.0.1")
            self.assertEqual(sock.selected_alpn_protocol(), "http/1.1")
            sock.close()

    def test_a_stop(self) -> None:
        """Lets a tunnel go on until its drain is over, begins no other, and says goodbye."""
        other = LiveDaemon(self)
        rosa = basic("rosa", other.account("rosa"))
        with contextlib.closing(Session(other)) as session:
            number = session.begin(connect(self.raw, rosa), None)
            session.head(number)
            session.send(number, b"E")
            other.signal(signal.SIGTERM)
            self.assertEqual(session.until_goodbye(), EVERY)
            self.assertEqual(session.until_goodbye(2), number)
            session.send(number, b"still")
            self.assertEqual(session.until_body(number, 5), b"still")
            refused: Came = session.ask(get(self.http, "/n/5/m", rosa))
            self.assertEqual(refused.reset, ErrorCodes.REFUSED_STREAM)
            session.end(number)
            self.assertEqual((session.until_gone(), set(session.last[1:])), (ErrorCodes.NO_ERROR, {number}))

    def test_what_crosses_with_a_stop(self) -> None:
        """Is served: the client has begun it before it could know."""
        other = LiveDaemon(self)
        rosa = basic("rosa", other.account("rosa"))
        with contextlib.closing(Session(other)) as session:
            tunnel = session.begin(connect(self.raw, rosa), None)
            session.head(tunnel)
            session.http.signs = False
            other.signal(signal.SIGTERM)
            self.assertEqual(session.until_goodbye(), EVERY)
            crossing = session.begin(get(self.http, "/n/5/m", rosa))
            self.assertEqual(session.answer(crossing).status, 200)
            session.sign()
            self.assertEqual(session.until_goodbye(2), crossing)
            session.end(tunnel)
            self.assertEqual(session.until_gone(), ErrorCodes.NO_ERROR)

    def test_an_idle_session_at_a_stop(self) -> None:
        """Ends once its client has signed, and no later."""
        other = LiveDaemon(self, "[timeouts]\ndrain = 600\n")
        rosa = basic("rosa", other.account("rosa"))
        with contextlib.closing(Session(other)) as session, contextlib.closing(Session(other)) as silent:
            for each in (session, silent):
                self.assertEqual(each.ask(get(self.http, "/n/5/m", rosa)).status, 200)
            silent.http.signs = False
            other.signal(signal.SIGTERM)
            self.assertEqual((session.until_gone(), session.last), (ErrorCodes.NO_ERROR, [EVERY, 1, 1]))
            self.assertEqual((silent.until_gone(), silent.last), (ErrorCodes.NO_ERROR, [EVERY, 1]))
            self.assertEqual(other.wait(), 0)

    def test_a_client_that_says_goodbye(self) -> None:
        """Has its open streams served, and is gone with the last of them."""
        session, sara = self.session(), self.customer("sara")
        tunnel = session.begin(connect(self.raw, sara), None)
        session.head(tunnel)
        session.send(tunnel, b"E")
        session.say_goodbye()
        download = session.begin(get(self.http, "/n/300000/m", sara))
        self.assertEqual(session.answer(download).body, body_of(b"m", 300_000))
        session.send(tunnel, b"still")
        self.assertEqual(session.until_body(tunnel, 5), b"still")
        self.assertFalse(session.gone)
        session.end(tunnel)
        self.assertEqual(session.until_gone(), ErrorCodes.NO_ERROR)
        self.balance("sara", 2)
