from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.api.wording import STATUSES, messages
from meshd.web.forms import MAX_FIELDS, WHOLE, Form, FormError, from_urlencoded, shown
from meshd.web.problems import Flaw, TooLong
from tests.web.support import named

READ = {
    "nothing at all": (b"", {}),
    "one field": (b"label=production", {"label": "production"}),
    "two fields": (b"a=1&b=2", {"a": "1", "b": "2"}),
    "a plus is a blank": (b"label=my+token", {"label": "my token"}),
    "an escape is its byte": (b"label=a%26b%3Dc", {"label": "a&b=c"}),
    "UTF-8 behind escapes": (b"label=caf%C3%A9", {"label": "café"}),
    "UTF-8 as it is": ("label=café".encode(), {"label": "café"}),
    "a name without a value": (b"label", {"label": ""}),
    "an equals sign in a value": (b"label=a=b", {"label": "a=b"}),
    "a semicolon separates nothing": (b"password=a;username=b", {"password": "a;username=b"}),
    "a percent that begins no escape stands for itself": (b"password=100%&a=%zz", {"password": "100%", "a": "%zz"}),
    "empty parts are skipped": (b"&&a=1&", {"a": "1"}),
    "names may be escaped": (b"l%61bel=x", {"label": "x"}),
}

REFUSED = {
    "a field sent twice is named": (b"label=a&label=b", {"label": ["This field was sent more than once."]}),
    "also when one of the two is escaped": (b"label=a&l%61bel=b", {"label": ["This field was sent more than once."]}),
    "also when both agree": (b"id=1&id=1", {"id": ["This field was sent more than once."]}),
    "each doubled field is named": (
        b"a=1&a=2&b=1&b=2",
        {"a": ["This field was sent more than once."], "b": ["This field was sent more than once."]},
    ),
    "a NUL in a value names its field": (b"label=a%00b", {"label": ["Null characters are not allowed."]}),
    "a NUL in a name": (b"la%00bel=a", {WHOLE: ["Null characters are not allowed."]}),
    "broken UTF-8 in a value names its field": (b"label=%ff", {"label": ["Enter valid UTF-8."]}),
    "an overlong encoding": (b"label=%c0%af", {"label": ["Enter valid UTF-8."]}),
    "a lone surrogate": (b"label=%ed%a0%80", {"label": ["Enter valid UTF-8."]}),
    "broken UTF-8 in a name": (b"%ff=a", {WHOLE: ["Enter valid UTF-8."]}),
}


def complaints(data: bytes) -> tuple[int, dict[str, list[str]]]:
    try:
        from_urlencoded(data)
    except FormError as error:
        (status,) = {STATUSES.get(problem, 400) for problem in error.problems.values()}
        return status, messages(error.problems)
    raise AssertionError(f"{data!r} was accepted")


class URLEncodedTests(SynchronousTestCase):
    def test_what_is_read(self) -> None:
        """A form is read as its writer wrote it."""
        for sentence, (data, expected) in READ.items():
            with named(sentence):
                self.assertEqual(dict(from_urlencoded(data)), expected)

    def test_what_is_refused(self) -> None:
        """What could be read in two ways is refused, and the field is named."""
        for sentence, (data, expected) in REFUSED.items():
            with named(sentence):
                self.assertEqual(complaints(data), (400, expected))

    def test_100_fields_are_enough_and_101_too_many(self) -> None:
        """The bound counts fields before any is decoded."""
        data = b"&".join(b"f%d=1" % number for number in range(MAX_FIELDS))
        self.assertEqual(len(from_urlencoded(data)), 100)
        status, messages = complaints(data + b"&one=more")
        self.assertEqual((status, list(messages)), (413, [WHOLE]))

    @given(st.binary(max_size=200))
    def test_any_bytes_are_a_form_or_a_complaint(self, data: bytes) -> None:
        """Nothing else is raised, and every complaint can be shown."""
        try:
            form = from_urlencoded(data)
        except FormError as error:
            for name, texts in messages(error.problems).items():
                self.assertTrue(name and texts and all(texts))
                name.encode("utf-8")
        else:
            self.assertNotIn("\0", "".join(form) + "".join(form.values()))

    def test_a_shown_name_is_short_printable_ascii(self) -> None:
        """A name comes back in an answer and in logs: nothing of it may act there."""
        self.assertEqual(shown(b"x" * 1000), "x" * 100)
        self.assertEqual(shown(b"\xff\n"), "\\xff\\x0a")
        self.assertEqual(shown(b""), WHOLE)


class ReadingTests(SynchronousTestCase):
    def errors(self, texts: dict[str, str], read: str, *args: object, **options: object) -> dict[str, list[str]]:
        with self.assertRaises(FormError) as caught, Form(texts).reading() as field:
            getattr(field, read)(*args, **options)
        return messages(caught.exception.problems)

    def test_a_required_field_that_is_missing_or_blank(self) -> None:
        """Django's words: the clients of the documented service know them."""
        for texts in ({}, {"id": ""}, {"id": "  "}):
            with named(texts):
                expected = {"id": ["This field is required."]}
                self.assertEqual(self.errors(texts, "text", "id", 10, required=True), expected)
                self.assertEqual(self.errors(texts, "whole_number", "id", least=1, most=9), expected)

    def test_a_text_that_is_too_long(self) -> None:
        """The bound and the length are both told."""
        expected = {"label": ["Ensure this value has at most 3 characters (it has 4)."]}
        self.assertEqual(self.errors({"label": "four"}, "text", "label", 3), expected)
        self.assertEqual(self.errors({"label": "four"}, "secret", "label", 3), expected)

    def test_length_is_counted_in_characters(self) -> None:
        """Not in the bytes of their encoding."""
        with Form({"label": "é" * 100}).reading() as field:
            self.assertEqual(field.text("label", 100), "é" * 100)

    def test_a_text_loses_the_blanks_around_it_and_a_secret_keeps_them(self) -> None:
        """A password may begin with a blank; a label that does was pasted."""
        with Form({"a": " x ", "b": " x "}).reading() as field:
            self.assertEqual((field.text("a", 9), field.secret("b", 9)), ("x", " x "))

    def test_an_optional_field_is_none_where_it_is_absent_or_blank(self) -> None:
        """`username=` means the caller itself, as if it had not been sent."""
        with Form({"a": "", "b": " ", "d": "x"}).reading() as field:
            self.assertEqual([field.optional(name, 9) for name in "abcd"], [None, None, None, "x"])

    def test_dates(self) -> None:
        """Exactly YYYY-MM-DD, and a day that exists; blank is none."""
        for text in ("2026-01-31", "2028-02-29", ""):
            with named(text), Form({"on": text}).reading() as field:
                self.assertEqual(field.date("on"), text)
        wrong = (
            "2026-02-29",
            "2026-1-31",
            "20260131",
            "31/01/2026",
            "2026-01-31T00:00",
            "2026-13-01",
            "never",
            "\u0662026-01-01",
        )
        for text in wrong:
            with named(text):
                self.assertEqual(self.errors({"on": text}, "date", "on"), {"on": ["Enter a valid date."]})

    def test_whole_numbers(self) -> None:
        """Decimal digits of ASCII and nothing that int() would forgive."""
        for text in ("+5", "5.0", "1_0", "\u0665", "five", "0x5", "5 5", "1e3", "9" * 31, "--1"):
            with named(text):
                errors = self.errors({"id": text}, "whole_number", "id", least=1, most=2**63 - 1)
                self.assertEqual(errors, {"id": ["Enter a whole number."]})
        with Form({"id": " 7 "}).reading() as field:
            self.assertEqual(field.whole_number("id", least=1, most=9), 7)
            self.assertEqual(field.whole_number("limit", least=0, most=9, default=0), 0)

    def test_whole_numbers_out_of_bounds(self) -> None:
        """The bound is told."""
        for text, told in (
            ("0", "greater than or equal to 1."),
            ("-3", "greater than or equal to 1."),
            ("10", "less than or equal to 9."),
        ):
            with named(text):
                errors = self.errors({"id": text}, "whole_number", "id", least=1, most=9)
                self.assertEqual(errors, {"id": [f"Ensure this value is {told}"]})

    def test_all_complaints_come_at_once_and_one_a_field(self) -> None:
        """Whoever filled in a form wants to be told once."""
        with self.assertRaises(FormError) as caught, Form({"label": "toolong", "on": "x"}).reading() as field:
            field.text("label", 3)
            field.date("on")
            field.text("id", 1, required=True)
            field.text("label", 2)
        found = {"label": TooLong(3, 7), "on": Flaw.NO_DATE, "id": Flaw.REQUIRED}
        self.assertEqual(list(caught.exception.problems.items()), list(found.items()))

    def test_what_is_raised_inside_the_block_is_not_hidden(self) -> None:
        """A fault of ours must not look like the client's."""
        with self.assertRaises(ZeroDivisionError), Form({}).reading() as field:
            field.text("id", 1, required=True)
            1 / 0  # noqa: B018
