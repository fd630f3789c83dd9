from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from meshd.web.api.wording import NOT_JSON, STATUSES, messages
from meshd.web.bodies import read_body, read_files
from meshd.web.forms import WHOLE, FormError
from meshd.web.problems import Flaw
from tests.web.support import named

URLENCODED = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data; boundary=XX"


def part(name: str, value: bytes, more: str = "", headers: str = "") -> bytes:
    return f'--XX\r\nContent-Disposition: form-data; name="{name}"{more}\r\n{headers}\r\n'.encode() + value + b"\r\n"


END = b"--XX--\r\n"

READ = {
    "urlencoded": (URLENCODED, b"a=1&b=2", {"a": "1", "b": "2"}),
    "urlencoded with a charset": (URLENCODED + b"; charset=UTF-8", b"a=1", {"a": "1"}),
    "in whatever case": (b"Application/X-WWW-Form-URLencoded", b"a=1", {"a": "1"}),
    "no content type is urlencoded": (None, b"a=1", {"a": "1"}),
    "a blank content type too": (b" ", b"a=1", {"a": "1"}),
    "a final line break is no part of the last value": (URLENCODED, b"a=1\r\n", {"a": "1"}),
    "an empty body is an empty form": (URLENCODED, b"", {}),
    "multipart": (MULTIPART, part("a", b"1") + part("b", b"2") + END, {"a": "1", "b": "2"}),
    "multipart with a quoted boundary": (b'multipart/form-data; boundary="XX"', part("a", b"1") + END, {"a": "1"}),
    "multipart in UTF-8": (MULTIPART, part("a", "café".encode()) + END, {"a": "café"}),
    "multipart with a line break in a value": (MULTIPART, part("a", b"1\r\n2") + END, {"a": "1\r\n2"}),
    "multipart with a content type of text": (
        MULTIPART,
        part("a", b"1", headers="Content-Type: text/plain; charset=utf-8\r\n") + END,
        {"a": "1"},
    ),
    "multipart without any field": (MULTIPART, END, {}),
    "an empty value in multipart": (MULTIPART, part("a", b"") + END, {"a": ""}),
}

REFUSED = {
    "JSON under its name": (b"application/json", b'{"a": 1}', 400, WHOLE, NOT_JSON),
    "JSON with a charset": (b"application/json; charset=utf-8", b"{}", 400, WHOLE, NOT_JSON),
    "JSON's relatives": (b"application/vnd.api+json", b"{}", 400, WHOLE, NOT_JSON),
    "JSON under the name of a form, as a bare curl -d sends it": (URLENCODED, b' {"a": "1"}', 400, WHOLE, NOT_JSON),
    "JSON under no name": (None, b'[{"a": "b=c"}]', 400, WHOLE, NOT_JSON),
    "JSON's name on an empty body": (b"application/json", b"", 400, WHOLE, NOT_JSON),
    "plain text": (b"text/plain", b"a=1", 415, WHOLE, None),
    "a doubled field in multipart": (MULTIPART, part("a", b"1") + part("a", b"1") + END, 400, "a", None),
    "a file": (MULTIPART, part("a", b"1", '; filename="x.txt"') + END, 400, "a", None),
    "an empty file": (MULTIPART, part("a", b"", '; filename=""') + END, 400, "a", None),
    "base64 in a part": (
        MULTIPART,
        part("a", b"MQ==", headers="Content-Transfer-Encoding: base64\r\n") + END,
        400,
        "a",
        None,
    ),
    "a NUL in multipart": (MULTIPART, part("a", b"1\0") + END, 400, "a", None),
    "broken UTF-8 in multipart": (MULTIPART, part("a", b"\xff") + END, 400, "a", None),
    "no boundary": (b"multipart/form-data", part("a", b"1") + END, 400, WHOLE, None),
    "a boundary that is none": (b'multipart/form-data; boundary="X\tX"', part("a", b"1") + END, 400, WHOLE, None),
    "another boundary in the body": (MULTIPART, b"--YY\r\n" + part("a", b"1") + END, 400, WHOLE, None),
    "no last boundary": (MULTIPART, part("a", b"1"), 400, WHOLE, None),
    "an empty multipart body": (MULTIPART, b"", 400, WHOLE, None),
    "a part without a name": (
        MULTIPART,
        b"--XX\r\nContent-Disposition: form-data\r\n\r\n1\r\n" + END,
        400,
        WHOLE,
        None,
    ),
    "a part without a disposition": (MULTIPART, b"--XX\r\nX: y\r\n\r\n1\r\n" + END, 400, WHOLE, None),
    "bare line feeds": (MULTIPART, (part("a", b"1") + END).replace(b"\r\n", b"\n"), 400, WHOLE, None),
    "101 parts": (MULTIPART, b"".join(part(f"f{n}", b"1") for n in range(101)) + END, 413, WHOLE, None),
    "a name of two thousand letters": (MULTIPART, part("a" * 2000, b"1") + END, 413, WHOLE, None),
}


class BodyTests(SynchronousTestCase):
    def test_what_is_read(self) -> None:
        """Both kinds of form, as clients write them."""
        for sentence, (kind, body, expected) in READ.items():
            with named(sentence):
                self.assertEqual(dict(read_body(kind, body)), expected)

    def test_what_is_refused(self) -> None:
        """With its status, and the field or the reason."""
        for sentence, (kind, body, status, field, text) in REFUSED.items():
            with named(sentence):
                with self.assertRaises(FormError) as caught:
                    read_body(kind, body)
                ((name, problem),) = caught.exception.problems.items()
                self.assertEqual((STATUSES.get(problem, 400), name), (status, field))
                if text is not None:
                    self.assertEqual(messages(caught.exception.problems), {field: [text]})

    def test_files_are_texts_for_who_wants_them(self) -> None:
        """A part that carries a file is read as any other; what is no text is refused, and so is what comes twice."""
        pem = b"-----BEGIN CERTIFICATE-----\nMII=\n"
        sent = part("certificate", pem, '; filename="a.pem"', "Content-Type: application/x-pem-file\r\n")
        found = read_files(MULTIPART, sent + part("b", b"1") + END)
        self.assertEqual(dict(found), {"certificate": pem.decode(), "b": "1"})
        for body in (sent + sent + END, part("a", b"\x30\x82\0", '; filename="a.der"') + END, b"--YY--"):
            with self.assertRaises(FormError):
                read_files(MULTIPART, body)

    def test_a_hundred_parts_are_read(self) -> None:
        """The bound is the same as for the other kind."""
        body = b"".join(part(f"f{number}", b"1") for number in range(100)) + END
        self.assertEqual(len(read_body(MULTIPART, body)), 100)

    @given(
        st.sampled_from([None, URLENCODED, MULTIPART, b"multipart/form-data; boundary="]) | st.binary(max_size=60),
        st.binary(max_size=120),
    )
    def test_any_bytes_are_a_form_or_a_complaint(self, kind: bytes | None, body: bytes) -> None:
        """Nothing that a client sends raises anything else."""
        try:
            read_body(kind, body)
        except FormError as error:
            self.assertTrue(all(map(all, messages(error.problems).values())))

    @given(
        st.lists(st.sampled_from([part("a", b"1"), part("b", b"2"), END, b"--XX", b"\r\n", b"--", b"a"]), max_size=8)
    )
    def test_pieces_of_multipart_in_any_order(self, pieces: list[bytes]) -> None:
        """Half a multipart body is a complaint and never a traceback."""
        try:
            form = read_body(MULTIPART, b"".join(pieces))
        except FormError as error:
            self.assertNotIn(Flaw.NO_FORM, error.problems.values())
        else:
            self.assertLessEqual(set(form), {"a", "b"})
