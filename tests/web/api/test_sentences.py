"""Every sentence of the two documents has a test that names it, and every test names sentences that are there."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from unittest import TestCase

from twisted.trial.unittest import SynchronousTestCase

from tests.support.manual import ROOT, tracked
from tests.web.api.claims import API, BEARER_TOKENS
from tests.web.api.sentences import SENTENCES, Sentence, listed

MARK = "tests.web.api.sentences import"


def marked() -> Iterator[tuple[str, tuple[Sentence, ...]]]:
    """Each test with its sentences, wherever it is: a module that has marked ones imports the mark."""
    for path in tracked():
        if path.is_relative_to(ROOT / "tests") and path.match("test_*.py") and MARK in path.read_text():
            module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
            for case in vars(module).values():
                if inspect.isclass(case) and issubclass(case, TestCase) and case.__module__ == module.__name__:
                    yield from _of_case(case)


def _of_case(case: type[TestCase]) -> Iterator[tuple[str, tuple[Sentence, ...]]]:
    for name, member in inspect.getmembers(case, inspect.isfunction):
        sentences = getattr(member, "sentences", ())
        if sentences:
            yield f"{case.__module__}.{case.__name__}.{name}", sentences


@cache
def proofs() -> dict[str, tuple[Sentence, ...]]:
    return dict(marked())


class SentenceTests(SynchronousTestCase):
    def test_every_sentence_is_proved(self) -> None:
        """By one test at least."""
        proved = {sentence for sentences in proofs().values() for sentence in sentences}
        self.assertEqual(sorted(SENTENCES - proved), [])

    def test_every_mark_names_a_sentence(self) -> None:
        """One that was misquoted, or that stands below another heading, proves nothing."""
        for test, sentences in proofs().items():
            self.assertEqual([each for each in sentences if each not in SENTENCES], [], test)

    def test_every_mark_is_on_a_test(self) -> None:
        """One that pytest does not collect proves nothing."""
        for test in proofs():
            self.assertTrue(test.rpartition(".")[2].startswith("test_"), test)

    def test_no_sentence_is_listed_twice(self) -> None:
        """And no heading is in both documents, so that a sentence has one place."""
        documents = [listed(API), listed(BEARER_TOKENS)]
        self.assertEqual(sum(map(len, documents)), len(SENTENCES))
        one, other = ({sentence.heading for sentence in document} for document in documents)
        self.assertEqual(one & other, set())
        self.assertNotIn("", one | other)
