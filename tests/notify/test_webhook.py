"""One try of a notice at a receiver on loopback that does as it is told."""

from __future__ import annotations

import base64
import ssl
import tempfile
import time
from pathlib import Path
from typing import Any

import trustme
from standardwebhooks.webhooks import Webhook as Verifier
from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SynchronousTestCase, TestCase

from meshd.dns.resolver import Resolver
from meshd.notify import deadline
from meshd.notify.deadline import Deadline
from meshd.notify.retrying import Outcome
from meshd.notify.webhook import Place, Poster, place
from meshd.values.notices import Notice, Webhook
from tests.support.daemon import free_port
from tests.support.receiver import ENDLESS, Receiver

KEY = b"k" * 32
NOTICE = Notice("msg_1", "ban.begun", 1_800_000_000, '{"address":"192.0.2.1"}')


def getaddrinfo(host: bytes, port: Any, *_: Any, **__: Any) -> list[Any]:
    """Names that begin with `inside` lead to this machine, all others to an address of nobody's."""
    address = "127.0.0.1" if host.startswith(b"inside") else "192.0.2.7"
    return [(2, 1, 6, "", (address, 0))]


class WebhookCase(TestCase):
    timeout = 120

    def setUp(self) -> None:
        self.resolver = Resolver(reactor, threads=1, getaddrinfo=getaddrinfo)
        self.addCleanup(self.resolver.stop)
        self.poster = Poster(reactor, self.resolver)

    def receiver(self, manner: str = "take", **options: Any) -> Receiver:
        receiver = Receiver(manner, **options)
        self.addCleanup(receiver.close)
        return receiver

    async def post(self, url: str, *, private: bool = True, ca: str = "", now: float = 1_800_000_000.0) -> Outcome:
        return await self.poster.post(Webhook("ops", url, (KEY,), private=private, ca=ca), NOTICE, now)


class PostingTests(WebhookCase):
    async def test_taken(self) -> None:
        """Signed so that the standard's own library believes it; the URL's path and query are as they were given."""
        receiver = self.receiver()
        self.assertEqual(await self.post(receiver.url, now=time.time()), Outcome("taken", "it answered 204"))
        (post,) = receiver.posts
        self.assertEqual((post.path, post.fields["content-type"]), ("/hook?key=hidden", "application/json"))
        Verifier(base64.b64encode(KEY).decode()).verify(post.body, post.fields)

    async def test_answers(self) -> None:
        """What each is, in a line; the receiver's length is believed by nobody."""
        receiver = self.receiver()
        for manner, verdict, why in (
            ("busy", "again", "it answered 503"),
            ("fail", "again", "it answered 500"),
            ("gone", "gone", "it answered 410: it wants nothing any more"),
            ("short", "taken", "it answered 200"),
            ("cut", "again", "the connection ended, or made no sense, before there was an answer"),
            ("nonsense", "again", "the connection ended, or made no sense, before there was an answer"),
        ):
            receiver.manner = manner
            outcome = await self.post(receiver.url)
            self.assertEqual((outcome.verdict, outcome.why), (verdict, why), manner)
        self.assertEqual((await self.post(receiver.url)).wait, 0)
        receiver.manner = "busy"
        self.assertEqual((await self.post(receiver.url)).wait, 1)
        self.flushLoggedErrors()

    async def test_endless(self) -> None:
        """No more than a bound is read of any answer, and the connection is gone."""
        for manner, verdict in (("body", "taken"), ("head", "again"), ("line", "again"), ("hints", "again")):
            receiver = self.receiver(manner)
            outcome = await self.post(receiver.url)
            self.assertEqual(outcome.verdict, verdict, manner)
            await deferToThread(self.ended, receiver)
        self.assertEqual(set(ENDLESS), {"body", "head", "line", "hints"})

    def ended(self, receiver: Receiver) -> None:
        """Its thread, which writes without end, has been stopped by a reset."""
        assert receiver.idle.wait(60), "somebody still reads"

    async def test_redirects_are_not_followed(self) -> None:
        """Wherever they lead."""
        other = self.receiver()
        receiver = self.receiver("redirect", elsewhere=other.url)
        self.assertIn("not followed", (await self.post(receiver.url)).why)
        self.assertEqual(other.posts, [])

    async def test_nobody_is_there(self) -> None:
        """The address is refused, or the name has none that may be asked."""
        self.assertIn("no connection", (await self.post(f"http://127.0.0.1:{free_port()}/")).why)

    async def test_time(self) -> None:
        """Each phase has its own, and the line says which it was."""
        self.patch(deadline, "ANSWER", 0.05)
        self.patch(deadline, "HANDSHAKE", 0.06)
        silent = self.receiver("hang")
        self.assertEqual((await self.post(silent.url)).why, "no answer within 0.05 s")
        silent.manner = "silent"
        url = f"https://127.0.0.1:{silent.port}/"
        self.assertEqual((await self.post(url)).why, "no end of the TLS handshake within 0.06 s")

    async def test_given_up(self) -> None:
        """A post that is cancelled, as by a stop, has come to nothing that the receiver could be blamed for."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1").configure_cert(context)
        for tls in (None, context):
            receiver = self.receiver("hang", tls=tls)
            with authority.cert_pem.tempfile() as ca:
                posting = Deferred.fromCoroutine(self.post(receiver.url, ca=ca if tls else ""))
                await deferToThread(receiver.asked.wait, 20)
            posting.cancel()
            await self.assertFailure(posting, CancelledError)

    async def test_private_addresses(self) -> None:
        """Are refused, by whatever name, unless this URL may lead there; the receiver hears nothing."""
        receiver = self.receiver()
        for host in ("127.0.0.1", "localhost", "inside.test", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"):
            outcome = await self.post(f"http://{host}:{receiver.port}/", private=False)
            self.assertEqual(outcome.why, "it leads to a private address, which private = true allows", host)
        self.assertEqual(receiver.posts, [])
        self.assertEqual((await self.post(f"http://inside.test:{receiver.port}/")).verdict, "taken")


class TLSTests(WebhookCase):
    def tls(self, *names: str) -> tuple[ssl.SSLContext, str]:
        """A receiver's side for these names, and the file of who vouches for it."""
        authority = trustme.CA()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(*names).configure_cert(context)
        file = Path(tempfile.mkdtemp(prefix="meshd-test-")) / "ca.pem"
        self.addCleanup(lambda: (file.unlink(), file.parent.rmdir()))
        authority.cert_pem.write_to_path(file)
        return context, str(file)

    async def test_trusted(self) -> None:
        """By the authority that the settings name, and by no other; for the URL's host alone."""
        context, ca = self.tls("127.0.0.1", "inside.test")
        receiver = self.receiver(tls=context)
        self.assertEqual((await self.post(receiver.url, ca=ca)).verdict, "taken")
        self.assertEqual((await self.post(f"https://inside.test:{receiver.port}/", ca=ca)).verdict, "taken")
        why = (await self.post(f"https://inside-too.test:{receiver.port}/", ca=ca)).why
        self.assertEqual(why, "TLS: its certificate is for another name")
        self.assertEqual((await self.post(receiver.url)).why, "TLS: certificate verify failed")
        self.assertEqual(len(receiver.taken), 2)

    async def test_no_tls_there(self) -> None:
        """What speaks plainly is told so."""
        plain = self.receiver("early")
        self.assertTrue((await self.post(f"https://127.0.0.1:{plain.port}/")).why.startswith("TLS: "))


class DeadlineTests(SynchronousTestCase):
    def test_phases(self) -> None:
        """Each begins anew; after the end nothing is late, and nothing is left."""
        clock = Clock()
        late = Deadline(clock)
        cancelled: list[str] = []

        class Asking:
            def cancel(self) -> None:
                cancelled.append(late.why)

        late.follow(Asking())  # type: ignore[arg-type]
        late.connecting()
        clock.advance(deadline.CONNECT - 1)
        late.handshaking()
        clock.advance(deadline.HANDSHAKE - 1)
        late.asking()
        clock.advance(deadline.ANSWER - 1)
        self.assertEqual(cancelled, [])
        clock.advance(1)
        self.assertEqual(cancelled, ["no answer within 15 s"])
        late.end()
        late.asking()
        self.assertEqual(clock.getDelayedCalls(), [])


class PlaceTests(SynchronousTestCase):
    def test_where_urls_lead(self) -> None:
        """By the default ports, in the resolver's spelling."""
        for url, expected in (
            ("https://Hooks.mesh.example/x", Place("hooks.mesh.example", 443, True)),
            ("http://[::1]:81", Place("::1", 81, False)),
            ("http://hooks.mesh.example.", Place("hooks.mesh.example", 80, False)),
        ):
            self.assertEqual(place(url), expected)
