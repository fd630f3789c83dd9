r"""What the two documents claim, sentence by sentence, and the mark of the tests that prove it.

Each sentence with a must, a status, a limit or a promise stands in `claims` as the document has it, below the
document's own heading: whitespace is folded, bullets are dropped, and the vendor's host in a URL is `mesh.example`.
Examples stand whole.  `test_sentences` holds that every one of them is proved, and that nothing is that is not there.

Left out: what is said of the documents themselves and of the vendor (contacts, links, pictures, its base URL); the
dashboard and its pages; billing, payment and plans for sale; advice that nothing can break ("a best practice would be",
"it is recommended", the security recommendations, when to deactivate whom); repetitions of a heading ("Use this API to
…") where the path's own line says it; "can return the following error codes" where no list follows; and the request
not to write a token into the proxy's URL: meshd takes it there too, since most clients can send it no other way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from tests.web.api.claims import API, BEARER_TOKENS


class Sentence(NamedTuple):
    """One claim, and the heading that it stands below: many headings have the same words below them."""

    heading: str
    words: str


Test = TypeVar("Test", bound=Callable[..., Any])


def says(heading: str, *sentences: str) -> Callable[[Test], Test]:
    """Mark a test with the sentences below this heading that it proves."""

    def marked(test: Test) -> Test:
        known = getattr(test, "sentences", ())
        test.sentences = (*known, *(Sentence(heading, folded(each)) for each in sentences))  # type: ignore[attr-defined]
        return test

    return marked


def folded(text: str) -> str:
    """With one blank where there was any white space."""
    return " ".join(text.split())


def listed(document: str) -> list[Sentence]:
    """The sentences of a text in which `## ` begins a heading and `- ` a sentence."""
    found: list[Sentence] = []
    heading = ""
    for line in document.strip().splitlines():
        if line.startswith("## "):
            heading = line[3:]
        elif line.startswith("- "):
            found.append(Sentence(heading, line[2:]))
        else:
            found[-1] = Sentence(heading, folded(f"{found[-1].words} {line}"))
    return found


NO_JSON = "Note: Please make sure you are sending form-encoded data, not JSON. Otherwise you will get an error message."
"""The sentence that most of the POSTs share."""

SENTENCES = frozenset(listed(API) + listed(BEARER_TOKENS))
