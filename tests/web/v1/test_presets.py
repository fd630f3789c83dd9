"""Presets and preferences at `/v1`, as the SDKs read them."""

from __future__ import annotations

from tests.web.support import named
from tests.web.v1.support import V1TestCase

NOTHING = (404, {"message": "The requested resource was not found."})


class PresetTests(V1TestCase):
    def new(self, who: str = "jo", name: str = "fast") -> dict[str, object]:
        body = {"name": name, "data": {"country": "us"}}
        return dict(self.payload(self.do("POST", "/proxy-presets", body, who=who), 201))

    def test_a_bare_preset_would_read_as_nothing(self) -> None:
        """The trap: the SDK unwraps `data` out of a bare object, so every answer has the envelope."""
        made = self.new()
        self.assertEqual((made["name"], made["data"]), ("fast", {"country": "us"}))
        which = f"/proxy-presets/{made['id']}"
        for method, path, body in (
            ("GET", which, None),
            ("PUT", which, {"name": "fast"}),
            ("PUT", which, {"data": {"country": "us"}}),
        ):
            with named((method, body)):
                answer = self.do(method, path, body)
                self.assertNotIn("data", answer.json)
                self.assertEqual(self.payload(answer), made)
        self.assertEqual(self.payload(self.do("GET", "/proxy-presets")), [made])

    def test_a_list_is_an_array_in_the_envelope(self) -> None:
        """The trap: nested in an object, a list reads as empty."""
        self.assertEqual(self.payload(self.do("GET", "/proxy-presets")), [])

    def test_its_id_is_a_text(self) -> None:
        self.assertIsInstance(self.new()["id"], str)

    def test_deleting_has_no_body(self) -> None:
        """The trap: 204 without a content type is fine."""
        answer = self.do("DELETE", f"/proxy-presets/{self.new()['id']}")
        self.assertEqual((answer.seen, answer.all("Content-Type")), ((204, None), []))

    def test_anothers_is_not_there(self) -> None:
        made = self.new(who="eve")["id"]
        for which in (made, "999", "0", "-1", "x", "9" * 30):
            for method, body in (("GET", None), ("PUT", {"name": "x"}), ("DELETE", None)):
                with named((method, which)):
                    self.assertEqual(self.do(method, f"/proxy-presets/{which}", body).seen, NOTHING)

    def test_what_cannot_be_kept(self) -> None:
        for body, field in (
            ({"data": {}}, "name"),
            ({"name": "x"}, "data"),
            ({"name": "x", "data": []}, "data"),
            ({"name": "x", "data": {"a": "x" * 17_000}}, "data"),
            ({"name": "x" * 101, "data": {}}, "name"),
            ({"name": "x", "data": {}, "account_id": 1}, "account_id"),
            ({"name": "x", "data": {}, "id": 1}, "id"),
            (b'{"name": "x", "data": {"a": 1e999}}', "data"),
        ):
            with named(str(body)[:80]):
                self.invalid(self.do("POST", "/proxy-presets", body), field)

    def test_preferences_for_both_sdks(self) -> None:
        """Python's SDK reads them flat, Go's under `data`; both may send them so, and what was answered may be sent."""
        self.assertEqual(self.payload(self.do("GET", "/profile/preferences")), {"data": {}})
        for body, all_ in (
            ({"theme": "dark", "language": "de"}, {"theme": "dark", "language": "de"}),
            ({"theme": None, "timezone": "UTC"}, {"language": "de", "timezone": "UTC"}),
            ({"data": {"language": "en"}}, {"language": "en", "timezone": "UTC"}),
            ({"language": "fr", "data": {"language": "en"}}, {"language": "fr", "timezone": "UTC"}),
            ({}, {"language": "fr", "timezone": "UTC"}),
        ):
            with named(body):
                self.assertEqual(self.payload(self.do("PUT", "/profile/preferences", body)), {**all_, "data": all_})
                self.assertEqual(self.payload(self.do("GET", "/profile/preferences")), {**all_, "data": all_})

    def test_preferences_that_cannot_be_kept(self) -> None:
        for body, fields in (
            ({"data": 5}, ["data"]),
            ({"data": {"data": {}}}, ["data"]),
            ({"a": "x" * 9000}, []),
            (b'{"a": 1e999}', []),
            (b"[]", []),
        ):
            with named(str(body)[:80]):
                self.invalid(self.do("PUT", "/profile/preferences", body), *fields)
