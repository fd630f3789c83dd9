"""What a form and a query know: what the OpenAPI document says of them, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.api.wording import STATUSES, messages
from meshd.web.forms import Form, FormError, refuse_slips, require_known
from tests.web.api.document import DocumentTestCase
from tests.web.api.test_openapi import OPEN, document, resolved
from tests.web.support import Answer, named, of_the_api

URLENCODED = "application/x-www-form-urlencoded"

LIMITS = ("username", "monthly_limit", "total_limit", "monthly_bandwidth_limit")

SLIPS = {
    "monthly_limt": "monthly_limit",
    "mothly_bandwith_limit": "monthly_bandwidth_limit",
    "Total_Limit": "total_limit",
    "total-limit": "total_limit",
    "TotalLimit": "total_limit",
    "usrname": "username",
    "user_name": "username",
    "user": "username",
    "name": "username",
}
"""What was sent, and what was meant."""

NO_SLIPS = (
    "",
    "_",
    "x",
    "t",
    "format",
    "callback",
    "page",
    "count",
    "utm_source",
    "csrfmiddlewaretoken",
    "é",
    "u" * 5000,
)


def documented_forms() -> Iterator[tuple[str, set[str]]]:
    """The path of each POST, and the fields of its form."""
    for path, item in document()["paths"].items():
        if "post" in item:
            schema = resolved(item["post"]["requestBody"]["content"][URLENCODED]["schema"])
            yield path, set(schema["properties"])


def documented_queries() -> Iterator[tuple[str, set[str]]]:
    """The path of each GET for those who sign in, and its parameters."""
    for path, item in document()["paths"].items():
        if "get" in item and path not in OPEN:
            yield path, {each["name"] for each in parameters(item["get"]) if each["in"] == "query"}


def parameters(operation: dict[str, Any]) -> list[dict[str, Any]]:
    return [resolved(each) for each in operation.get("parameters", ())]


def required(path: str) -> dict[str, str]:
    """What the query of this path cannot be without, each a 1."""
    needed = [each for each in parameters(document()["paths"][path]["get"]) if each["in"] == "query"]
    return {each["name"]: "1" for each in needed if each.get("required")}


class NameTests(SynchronousTestCase):
    def complaints(self, check: object, name: str) -> dict[str, list[str]]:
        try:
            check(Form({name: "5"}), LIMITS)  # type: ignore[operator]
        except FormError as error:
            self.assertFalse(STATUSES.keys() & set(error.problems.values()))
            return messages(error.problems)
        return {}

    def test_a_slip_is_told_what_was_meant(self) -> None:
        """In a form and in a query alike."""
        for name, meant in SLIPS.items():
            for check in (require_known, refuse_slips):
                with named((name, check)):
                    told = {name: [f"Unknown field; did you mean {meant}?"]}
                    self.assertEqual(self.complaints(check, name), told)

    def test_what_is_like_no_name(self) -> None:
        """A form names it, printable and short, and says what there is; in a query it is nobody's concern."""
        for name in NO_SLIPS:
            with named(name):
                ((key, told),) = self.complaints(require_known, name).items()
                self.assertTrue(key.isascii() and key.isprintable() and 0 < len(key) <= 100)
                self.assertEqual(told, [f"Unknown field; known are {', '.join(LIMITS)}."])
                self.assertEqual(self.complaints(refuse_slips, name), {})

    def test_a_path_that_knows_nothing(self) -> None:
        """Its query may hold anything."""
        refuse_slips(Form({"proxy": "x"}), ())


class EveryRouteTests(DocumentTestCase):
    def complaint(self, answer: Answer, name: str) -> str:
        return " ".join(answer.json.get(name, ())) if answer.status == 400 else ""

    def test_the_document_has_the_fields_that_are_declared(self) -> None:
        """Neither has one more."""
        fields = self.world.site.api.fields
        told = {("POST", path): known for path, known in documented_forms()}
        told |= {("GET", path): known for path, known in documented_queries()}
        ours = {key: set(known) for key, known in fields.items() if key in of_the_api(fields)}
        self.assertEqual(ours, told)

    def test_a_form_takes_each_field_that_it_documents(self) -> None:
        """One at a time: none is called unknown, whatever else is wrong with the form."""
        for path, known in documented_forms():
            for name in known:
                with named((path, name)):
                    answer = self.post(path, **{name: "1"})
                    self.assertNotIn("Unknown", self.complaint(answer, name))

    def test_a_form_refuses_each_other_field_by_its_name(self) -> None:
        """And does nothing: an account with a limit is not made without one."""
        every = {name for _, known in documented_forms() for name in known}
        for path, known in documented_forms():
            for name in {*every, "nonsense", "csrfmiddlewaretoken"} - known:
                with named((path, name)):
                    answer = self.post(path, **{name: "1", "username": "new"} if "username" in known else {name: "1"})
                    self.assertIn("Unknown field", self.complaint(answer, name))

    def test_a_query_refuses_a_slip_of_each_parameter(self) -> None:
        """`?usrname=sub` showed the parent's own addresses."""
        for path, known in documented_queries():
            for name in known:
                with named((path, name)):
                    answer = self.get(f"{path}?{name}x=1")
                    self.assertEqual(answer.seen, (400, {f"{name}x": [f"Unknown field; did you mean {name}?"]}))

    def test_a_query_may_carry_what_is_nobodys(self) -> None:
        """Against caches, for statistics, of a link that was passed on."""
        for path, _ in documented_queries():
            with named(path):
                query = {**required(path), "_": "17", "utm_source": "mail", "format": "json", "username": "sub"}
                self.assertEqual(self.get(f"{path.replace('{proxy}', 'us')}?{urlencode(query)}").status, 200)

    def test_a_misspelled_limit_makes_no_account(self) -> None:
        """`monthly_limt=5` made one without a limit."""
        answer = self.post("/api/sub/create/", username="new", monthly_limt=5)
        self.assertEqual(answer.seen, (400, {"monthly_limt": ["Unknown field; did you mean monthly_limit?"]}))
        self.assertEqual(self.get("/api/sub/get/?username=new").status, 403)
