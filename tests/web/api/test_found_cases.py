"""What schemathesis found (`tox -e schemathesis`), each case kept: the document and the code now say the same of it."""

from __future__ import annotations

from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.web.api.document import DocumentTestCase
from tests.web.api.test_openapi import document, resolved
from tests.web.support import named

FORMS: dict[str, tuple[str, str, dict[str, str], str]] = {
    "no string of the document excluded a NUL": ("ip/add", "NewIP", {"ip": "8.8.8.8", "username": "a\0"}, "username"),
    "a label could be of control characters": ("token/create", "NewToken", {"label": "a\x01b"}, "label"),
    "so could a name": ("sub/edit", "ChangedSubAccount", {"username": "sub", "first_name": "a\x01b"}, "first_name"),
    "an e-mail address had no shape": ("sub/edit", "ChangedSubAccount", {"username": "sub", "email": "0"}, "email"),
    "any text was an address": ("ip/add", "NewIP", {"ip": "0"}, "ip"),
    "any text was a hostname": ("hostname/add", "Hostname", {"domain": "0"}, "domain"),
    "any ten characters were a date": ("token/create", "NewToken", {"expires_at": "2026-00-69"}, "expires_at"),
}
"""The path, the schema of its form, a form that the code always refused and the document used to allow, the field."""

QUERIES = {
    "the 69th of no month was a date": ("usage", "Since", {"since": "0735-00-69"}, 400),
    "55 o'clock was a time": ("usage", "Until", {"until": "2026-01-01T55:53:58"}, 400),
    "a NUL was part of a username": ("ips", "OnBehalf", {"username": "\0"}, 400),
    "here too, where it is required": ("sub/get", "SubAccount", {"username": "a\0"}, 400),
    "an empty interval was none": ("usage", "Interval", {"interval": ""}, 200),
    "an empty grouping was none": ("usage", "By", {"by": ""}, 200),
    "an empty limit was none": ("activity", "Limit", {"limit": ""}, 200),
}
"""The path, the parameter, what was asked, and the status that it always had: the document said the contrary."""


def allowed(place: str, instance: Any) -> bool:
    """Whether the document's schema at that place has it so."""
    resource = Resource.from_contents(document(), default_specification=DRAFT202012)
    registry = Registry().with_resource("urn:api", resource)
    checker = Draft202012Validator.FORMAT_CHECKER
    schema = {"$ref": f"urn:api#/components/{place}"}
    return bool(Draft202012Validator(schema, registry=registry, format_checker=checker).is_valid(instance))


class FoundCasesTests(DocumentTestCase):
    def test_the_document_was_looser_than_the_forms(self) -> None:
        """Both refuse it now."""
        for sentence, (path, schema, form, field) in FORMS.items():
            with named(sentence):
                answer = self.post(f"/api/{path}/", **form)
                self.assertEqual((answer.status, list(answer.json)), (400, [field]))
                self.assertFalse(allowed(f"schemas/{schema}", form))

    def test_a_form_that_is_taken_is_still_allowed(self) -> None:
        """What made the document stricter did not make it too strict."""
        for path, schema, form in (
            ("ip/add", "NewIP", {"ip": "2A00:1450::1", "label": "büro 🏠", "username": "sub"}),
            ("hostname/add", "Hostname", {"domain": "_dmarc.A-b.example"}),
            ("sub/edit", "ChangedSubAccount", {"username": "sub", "email": "jo@example.org", "monthly_limit": ""}),
            ("sub/edit", "ChangedSubAccount", {"username": "sub", "email": "", "password": ""}),
            ("token/create", "NewToken", {"label": "", "expires_at": "2026-02-28", "username": ""}),
        ):
            with named(form):
                self.assertEqual(self.post(f"/api/{path}/", **form).status, 200)
                self.assertTrue(allowed(f"schemas/{schema}", form))

    def test_the_document_and_the_queries_disagreed(self) -> None:
        """Numbers come as text in an address, so that only the empty one is held against a schema of numbers."""
        for sentence, (path, parameter, query, status) in QUERIES.items():
            with named(sentence):
                (name, value) = next(iter(query.items()))
                target = f"/api/{path}/?{name}={value}".replace("\0", "%00")
                self.assertEqual(self.get(target).status, status)
                self.assertEqual(allowed(f"parameters/{parameter}/schema", value), status == 200)

    def test_a_token_needs_no_form_at_all(self) -> None:
        """The document required a body whose every field was optional."""
        self.assertEqual(self.ask("POST", "/api/token/create/").status, 200)
        self.assertFalse(resolved(document()["paths"]["/api/token/create/"]["post"]["requestBody"])["required"])

    def test_a_year_before_1000_has_four_digits_in_an_answer(self) -> None:
        """`since` came back as `705-08-30T00:00:00`: strftime does not pad a year."""
        self.assertEqual(self.get("/api/usage/?since=0705-08-30").json["since"], "0705-08-30T00:00:00")

    def test_a_doubled_field_of_any_name_is_told_by_it(self) -> None:
        """The message named `ç` as two U+FFFD, as it did any other letter, and let control characters through."""
        form = ("Content-Type", "application/x-www-form-urlencoded")
        answer = self.ask("POST", "/api/sub/activate/", form, body=b"username=sub&%C3%A7=1&%C3%A7=2&%14=&%14=")
        told = ["This field was sent more than once."]
        self.assertEqual(answer.seen, (400, {r"\xc3\xa7": told, r"\x14": told}))
