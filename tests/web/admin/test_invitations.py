"""`/api/admin/invitations`: made once, shown once, and the operator's."""

from __future__ import annotations

from tests.web.admin.support import AdminTestCase
from tests.web.support import named


class InvitationTests(AdminTestCase):
    def test_a_life(self) -> None:
        """The code is in the first answer alone, and in its repetition."""
        key = ("Idempotency-Key", "0123456789abcdef")
        body = {"label": "friends", "uses": 5, "until": "2999-01-01T00:00:00Z"}
        made = self.do("POST", "/invitations", body, key)
        self.assertEqual(made.status, 201)
        self.assertEqual(self.do("POST", "/invitations", body, key).json, made.json)
        (listed,) = self.do("GET", "/invitations").json["invitations"]
        self.assertEqual(listed, {name: value for name, value in made.json.items() if name != "code"})
        self.assertEqual(self.do("DELETE", f"/invitations/{listed['id']}").status, 204)
        self.assertEqual(self.do("DELETE", f"/invitations/{listed['id']}").status, 404)

    def test_pages(self) -> None:
        for number in range(3):
            self.do("POST", "/invitations", {"label": str(number)})
        first = self.do("GET", "/invitations?limit=2").json
        second = self.do("GET", f"/invitations?limit=2&cursor={first['next']}").json
        labels = [each["label"] for each in first["invitations"] + second["invitations"]]
        self.assertEqual((labels, second["next"]), (["2", "1", "0"], None))

    def test_what_is_refused(self) -> None:
        for body, status in (
            ({"uses": 0}, 400),
            ({"until": "soon"}, 400),
            ({"until": "2000-01-01"}, 400),
            ({"code": "mine"}, 400),
        ):
            with named(body):
                self.assertEqual(self.do("POST", "/invitations", body).status, status)

    def test_they_are_the_operators(self) -> None:
        self.assertEqual(self.do("GET", "/invitations", who="vi").status, 200)
        self.assertEqual(self.do("POST", "/invitations", {}, who="vi").status, 403)
        for method, path in (("GET", ""), ("POST", ""), ("DELETE", "/1")):
            with named((method, path)):
                body = {} if method == "POST" else None
                self.assertEqual(self.do(method, f"/invitations{path}", body, who="jo").status, 403)
