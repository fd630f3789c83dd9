"""Notices of a real daemon: to receivers that hang, lie and never end, over kill -9, by letter, of several nodes."""

from __future__ import annotations

import base64
import contextlib
import json
from itertools import groupby
from typing import Any

from standardwebhooks.webhooks import Webhook
from twisted.trial.unittest import SynchronousTestCase

from tests.live.raw import Raw, basic
from tests.support import stores
from tests.support.daemon import CommandError, LiveDaemon, until
from tests.support.mailserver import MailServer
from tests.support.origin import RecordingOrigin
from tests.support.receiver import ENDLESS, Post, Receiver

KEY = base64.b64encode(b"k" * 32).decode()
LONG = 180.0
"""Seconds, of which a receiver that hangs takes fifteen."""


class NoticeCase(SynchronousTestCase):
    def receiver(self, manner: str = "take") -> Receiver:
        receiver = Receiver(manner)
        self.addCleanup(receiver.close)
        return receiver

    def told(self, more: str = "", store: str = "", **receivers: Receiver) -> LiveDaemon:
        """A daemon with a webhook for each of these receivers, by its name."""
        daemon = LiveDaemon(self, start=False, store=store)
        key = daemon.folder / "hook.key"
        key.write_text(KEY)
        key.chmod(0o600)
        hooks = "".join(
            f'[[notify.webhook]]\nname = "{name}"\nurl = "{each.url}"\nsecret_files = ["hook.key"]\nprivate = true\n'
            for name, each in receivers.items()
        )
        daemon.configure(more + hooks)
        daemon.start()
        self.ready(daemon)
        return daemon

    def ready(self, daemon: LiveDaemon) -> None:
        """The store knows whom the daemon tells."""
        until(lambda: daemon.cli("notify", "targets"), "targets")

    def changes(self, daemon: LiveDaemon, *names: str, count: int = 3) -> None:
        """An account of each name, with so many tokens made one after the other."""
        for name in names:
            daemon.account(name)
        for _ in range(count):
            for name in names:
                daemon.token(name)

    def assert_whole(self, posts: list[Post], *names: str, count: int = 3) -> None:
        """Each change of each account is there, in its order, however often one came."""
        for name in names:
            about = [post for post in posts if post.told["data"].get("account", {}).get("username") == name]
            once = list({post.id: post for post in about}.values())
            actions = [post.told["data"]["action"] for post in once]
            self.assertEqual(actions, ["account.create"] + ["token.create"] * count, name)
            repeated = [key for key, _ in groupby(post.id for post in about)]
            self.assertEqual(len(repeated), len(set(repeated)), "one came again after a later one")

    def count(self, posts: list[Post]) -> int:
        return len({post.id for post in list(posts)})


class ReceiverTests(NoticeCase):
    def passes(self, daemon: LiveDaemon, origin: RecordingOrigin, field: bytes, size: int = 1000) -> None:
        self.assertEqual(Raw(self, daemon.proxy_port).get(origin.url(f"/bytes/{size}"), field), 200)

    def test_whatever_a_receiver_does(self) -> None:
        """Exchanges end and another one is told meanwhile; when it comes to its senses it is told all, in order."""
        bad, good = self.receiver("hang"), self.receiver()
        daemon = self.told(bad=bad, good=good)
        origin = RecordingOrigin(self)
        field = basic("carla", daemon.account("carla", total_limit=1))
        until(lambda: bad.posts, "the receiver that hangs was asked")
        for number, manner in enumerate(("hang", "silent", "short", "cut", "nonsense", "redirect", *ENDLESS)):
            bad.manner, bad.elsewhere = manner, good.url
            bad.let_go()
            daemon.account(f"user{number}")
            for _ in range(20):
                self.passes(daemon, origin, field)
            until(
                lambda n=number: self.count(good.taken) >= n + 2, f"the other one was told meanwhile ({manner})", LONG
            )
        bad.manner = "take"
        bad.let_go()
        self.changes(daemon, "anna", "bob")
        until(lambda: self._retried(daemon), "nothing waits any more", LONG)
        for receiver in (bad, good):
            self.assert_whole(receiver.taken, "anna", "bob")
        self.assertEqual({post.id for post in bad.taken}, {post.id for post in good.taken})
        for post in good.taken:
            Webhook(KEY).verify(post.body, post.fields)
        self.assertTrue(all("webhook-signature" in post.fields for post in bad.posts))
        self.assertNotIn("hidden", daemon.log_text())

    def _retried(self, daemon: LiveDaemon) -> bool:
        daemon.cli("notify", "retry")
        return all(each["waiting"] == each["failed"] == 0 for each in daemon.cli("notify", "targets"))

    def test_limits(self) -> None:
        """80, 95 and 100 % of a limit, each once, as bytes pass them; nothing of an exchange's content is in them."""
        receiver = self.receiver()
        daemon = self.told(ops=receiver)
        origin = RecordingOrigin(self)
        field = basic("dora", daemon.account("dora", total_limit=0.001))  # a million bytes
        for size, levels in ((850_000, [80]), (10_000, [80]), (100_000, [80, 95]), (60_000, [80, 95, 100])):
            with contextlib.suppress(EOFError):  # the last one is cut at the limit
                Raw(self, daemon.proxy_port).get(origin.url(f"/bytes/{size}"), field)
            until(lambda some=levels: len(receiver.of("account.quota")) >= len(some), f"{levels}")
            told = [post.told["data"] for post in receiver.of("account.quota")]
            self.assertEqual([each["percent"] for each in told], levels)
            self.assertEqual({(each["account"]["username"], each["limit"]) for each in told}, {("dora", "total")})

    def test_gone(self) -> None:
        """410 ends it, until somebody asks for it again."""
        receiver = self.receiver("gone")
        daemon = self.told(ops=receiver)
        daemon.account("anna")
        daemon.wait_for_log("ops is told nothing more: it answered 410")
        daemon.account("bob")
        (row,) = daemon.cli("notify", "targets")
        self.assertTrue(row["gone"])
        self.assertEqual([each["state"] for each in daemon.cli("notify", "list", "--failed")], ["failed"])
        receiver.manner = "take"
        daemon.cli("notify", "retry", "ops")
        daemon.account("carla")
        until(lambda: len(receiver.of("account.created")) == 2, "what was given up, and what is new")
        names = [post.told["data"]["account"]["username"] for post in receiver.taken]
        self.assertEqual(sorted(names), ["anna", "carla"])

    def test_reload(self) -> None:
        """Who is told, and of what, changes without a restart."""
        one, two = self.receiver(), self.receiver()
        daemon = self.told(one=one)
        assert daemon.config_file is not None
        text = daemon.config_file.read_text().replace('name = "one"', 'name = "two"').replace(one.url, two.url)
        daemon.reload(text.replace("private = true", 'private = true\nevents = ["account.changed"]'))
        until(lambda: [each["name"] for each in daemon.cli("notify", "targets")] == ["two"], "the store knows it")
        self.changes(daemon, "anna", count=1)
        until(lambda: two.taken, "the new one is told")
        self.assertEqual(([post.told["type"] for post in two.taken], one.posts), (["account.changed"], []))

    def test_trying(self) -> None:
        """`meshd notify test` tells what came of it and shows no secret; exits 1 where one was not taken."""
        good, bad = self.receiver(), self.receiver("fail")
        daemon = self.told(good=good, bad=bad)
        (row,) = daemon.cli("notify", "test", "--webhook", "good")
        self.assertEqual((row["taken"], row["said"]), (True, "it answered 204"))
        self.assertEqual([post.told["type"] for post in good.taken], ["notify.test"])
        status, out, err = daemon.run_cli("--json", "notify", "test")
        self.assertEqual((status, err), (1, "meshd: not taken by bad\n"))
        self.assertEqual([row["said"] for row in json.loads(out)], ["it answered 204", "it answered 500"])
        self.assertNotIn("hidden", out)
        for words in (("--webhook", "none"), ("--email",)):
            self.assertRaises(CommandError, daemon.cli, "notify", "test", *words)


class LetterTests(NoticeCase):
    def test_by_letter(self) -> None:
        """Through the operator's server; while that is busy it waits, and comes."""
        server = MailServer()
        self.addCleanup(server.close)
        mail = f'[mail]\nsmtp = "127.0.0.1:{server.port}"\nfrom = "meshd@mesh.example"\n'
        daemon = self.told(mail + '[[notify.email]]\nto = "ops@mesh.example"\nevents = ["account.created"]\n')
        self.assertTrue(daemon.cli("notify", "test", "--email")[0]["taken"])
        server.busy = True
        self.changes(daemon, "anna", count=1)
        daemon.wait_for_log("mail:ops@mesh.example does not take notices, which wait: the server answered 451")
        server.busy = False
        until(lambda: len(server.letters) > 1, "the letter", LONG)
        test, letter = (each.decode() for each in server.letters)
        self.assertIn("Subject: meshd: notify.test", test)
        self.assertIn("To: ops@mesh.example\r\nSubject: meshd: account.created (anna)\r\n", letter)
        self.assertIn("action: account.create", letter)


class DeathTests(NoticeCase):
    store = ""

    def test_kill(self) -> None:
        """Each notice comes at least once, in order by account, whenever the daemon dies."""
        receiver = self.receiver("hang")
        daemon = self.told(ops=receiver, store=self.store)
        self.changes(daemon, "anna", "bob", "carla")
        until(lambda: receiver.posts, "some are under way")
        before = {post.id for post in receiver.posts}
        daemon.kill()
        receiver.manner = "take"
        receiver.let_go()
        daemon.start()
        until(lambda: self.count(receiver.taken) >= 4, "some are taken", LONG)
        daemon.kill()
        daemon.start()
        until(lambda: self.count(receiver.taken) >= 12, "all are taken", LONG)
        self.assert_whole(receiver.taken, "anna", "bob", "carla")
        self.assertLessEqual(before, {post.id for post in receiver.taken})

    def test_written_while_no_daemon_runs(self) -> None:
        """What the command line changes meanwhile is told at the next start."""
        receiver = self.receiver()
        daemon = self.told(ops=receiver, store=self.store)
        daemon.terminate()
        self.changes(daemon, "anna")
        daemon.start()
        until(lambda: self.count(receiver.taken) == 4, "all are taken", LONG)
        self.assert_whole(receiver.taken, "anna")


class PostgresDeathTests(DeathTests):
    def setUp(self) -> None:
        self.store = stores.postgres_url(self)


class SeveralTests(NoticeCase):
    def test_workers(self) -> None:
        """What workers book and find is told by their daemon: a limit, a ban, an exit."""
        receiver = self.receiver()
        daemon = self.told("workers = 2\n", ops=receiver)
        origin = RecordingOrigin(self)
        field = basic("dora", daemon.account("dora", total_limit=0.001))
        Raw(self, daemon.proxy_port).get(origin.url("/bytes/900000"), field)
        for number in range(5):
            Raw(self, daemon.proxy_port).get(origin.url("/bytes/1"), basic("dora", f"wrong {number}"))
        until(lambda: receiver.of("account.quota") and receiver.of("ban.begun"), "both", LONG)
        self.assertEqual(receiver.of("account.quota")[0].told["data"]["percent"], 80)
        ban = receiver.of("ban.begun")[0].told["data"]
        self.assertEqual((ban["account"]["username"], ban["every_name"]), ("dora", False))

    def test_nodes(self) -> None:
        """Two on one PostgreSQL: each notice is sent once, by either, in order by account."""
        receiver, store = self.receiver(), stores.postgres_url(self)
        nodes = [self.told(ops=receiver, store=store) for _ in range(2)]
        names: list[Any] = [f"user{number}" for number in range(6)]
        self.changes(nodes[0], *names)
        until(lambda: self.count(receiver.taken) == 24, "all are taken", LONG)
        self.assert_whole(receiver.taken, *names)
        self.assertEqual(len(receiver.taken), 24)
