from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.api.answers import EVERY_ANSWER
from meshd.web.reply import EMPTY, Heads, Reply, Rows, Text, encoded

HEADS = Heads("application/json", EVERY_ANSWER)


class ReplyTests(SynchronousTestCase):
    def test_a_value_cannot_write_fields_of_its_own(self) -> None:
        """Line ends in it become blanks."""
        reply = Reply({}, fields=(("Location", "/a\r\nSet-Cookie: b\n\n"),))
        head = HEADS.head(reply, 2, b"today", close=False)
        self.assertIn(b"\r\nLocation: /a Set-Cookie: b \r\n", head)
        self.assertEqual(head.count(b"\n\r\n"), 1)

    def test_a_head_says_that_the_connection_ends(self) -> None:
        """Where it does."""
        found = [
            b"\r\nConnection: close\r\n" in HEADS.head(Reply({}), 2, b"today", close=close) for close in (True, False)
        ]
        self.assertEqual(found, [True, False])

    def test_bodies_are_spaced_ascii_json(self) -> None:
        """As the documents print theirs; a label in any script survives."""
        content = Reply({"label": "café", "id": 1}).content()
        self.assertEqual(content, b'{"label": "caf\\u00e9", "id": 1}')
        self.assertEqual(json.loads(content)["label"], "café")

    def test_a_body_of_bytes_is_encoded_already(self) -> None:
        """What is the same for everyone is encoded once."""
        content = Reply({"a": 1}).content()
        self.assertIs(Reply(content).content(), content)
        self.assertIn(b"Content-Type: application/json\r\n", HEADS.head(Reply(content), 8, b"today", close=False))

    def test_rows_may_be_the_whole_body(self) -> None:
        """A bare array, made one by one as well."""
        for numbers in ((), (1,), (1, 2, 3)):
            reply = Reply(Rows(lambda number: {"id": number}, numbers))
            pieces = reply.pieces()
            assert pieces is not None
            plain = Reply([{"id": each} for each in numbers]).content()
            self.assertEqual((encoded(pieces), reply.content()), (plain, plain))

    def test_rows_are_made_one_by_one(self) -> None:
        """The pieces are the same body; it can also be had at once, and rows below the first level are ordinary."""
        made: list[int] = []

        def described(number: int) -> dict[str, int]:
            made.append(number)
            return {"id": number}

        for numbers in ((), (1,), (1, 2, 3)):
            plain = Reply({"rows": [{"id": each} for each in numbers], "next": None, "é": "é"}).content()
            reply = Reply({"rows": Rows(described, numbers), "next": None, "é": "é"})
            pieces = reply.pieces()
            assert pieces is not None
            self.assertEqual(plain, encoded(pieces))
            self.assertEqual(plain, reply.content())
        made.clear()
        pieces = Reply({"rows": Rows(described, (1, 2, 3))}).pieces()
        assert pieces is not None
        while made != [1]:
            next(pieces)
        nested = Reply({"payload": {"items": Rows(described, (7,))}})
        self.assertIsNone(nested.pieces())
        self.assertEqual(b'{"payload": {"items": [{"id": 7}]}}', nested.content())

    def test_a_text_is_made_piece_by_piece(self) -> None:
        """Half a surrogate pair, which a browser may have sent, becomes a question mark."""
        reply = Reply(Text(["a", "\ud800", "é"]), media="text/plain")
        self.assertEqual(["a", "\ud800", "é"], list(reply.pieces() or ()))
        self.assertEqual("a?é".encode(), Reply(Text(["a", "\ud800", "é"])).content())

    def test_what_is_short_is_made_at_once(self) -> None:
        for body in (b"bytes", {"a": [1]}, [1], EMPTY, "text"):
            self.assertIsNone(Reply(body).pieces())

    def test_a_room_gives_the_type_and_the_fields_that_every_answer_has(self) -> None:
        """An answer may name another type, and one without a body has none; two rooms share no head."""
        page = Heads("text/html", (("Content-Security-Policy", "default-src 'self'"),))
        for reply, told in (
            (Reply(b""), "Content-Type: text/html\r\nContent-Length: 0\r\n"),
            (Reply(b"", media="image/png"), "Content-Type: image/png\r\nContent-Length: 0\r\n"),
            (Reply(EMPTY), "Content-Length: 0\r\n"),
            (Reply(EMPTY, 204), ""),
        ):
            head = page.head(reply, 0, b"today", close=False).decode()
            _, _, fields = head.partition("\r\n")
            self.assertEqual(fields, f"Date: today\r\nContent-Security-Policy: default-src 'self'\r\n{told}\r\n")
            self.assertNotIn(b"'self'", HEADS.head(reply, 0, b"today", close=False))
