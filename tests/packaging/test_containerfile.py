"""The Containerfile as it is written, and the reading of such files, on which the live test rests."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.support.containerfile import BASE, Builder, instructions
from tests.support.debian import ENVIRONMENT
from tests.support.manual import ROOT


class Nothing:
    """A Debian in which nothing is run."""

    def __init__(self) -> None:
        self.ran: list[str] = []

    def run(self, command: str, **_: object) -> str:
        self.ran.append(command)
        return ""


class ContainerfileTests(SynchronousTestCase):
    """Line by line."""

    def _builder(self) -> Builder:
        return Builder(Nothing, ROOT, {})  # type: ignore[arg-type]

    def test_reading(self) -> None:
        """Lines are joined, comments are none."""
        text = "# one\nFROM a AS b\n\nRUN x \\\n # not this\n && y \\\n && z\nUSER 1:2\n"
        self.assertEqual(
            [(each.word, each.text, each.line) for each in instructions(text)],
            [("FROM", "a AS b", 2), ("RUN", "x   && y   && z", 4), ("USER", "1:2", 8)],
        )

    def test_what_is_not_understood_is_refused(self) -> None:
        """Rather than passed over: it would never be tried."""
        for text in ("ONBUILD RUN x", "FROM other:1", f"FROM {BASE}\nUSER nobody", f"FROM {BASE}\nUSER 1:1\nRUN x",
                     f"FROM {BASE}\nHEALTHCHECK --retries CMD []", "from x"):  # fmt: skip
            self.assertRaises(AssertionError, self._builder().build, text)

    def test_what_an_image_is(self) -> None:
        """Gathered from the last stage alone."""
        builder = self._builder()
        image = builder.build(
            f"FROM {BASE} AS one\nENV A=1\nFROM {BASE}\nRUN x\nENV B=2\nWORKDIR /w\nVOLUME /w\nEXPOSE 1 2\n"
            'STOPSIGNAL SIGTERM\nHEALTHCHECK --interval=3s CMD ["a"]\nENTRYPOINT ["b", "c"]\nUSER 3:4\n'
        )
        self.assertEqual(image.environ, {**ENVIRONMENT, "B": "2"})
        self.assertEqual((image.folder, image.volumes, image.ports, image.user), ("/w", ["/w"], [1, 2], "3:4"))
        self.assertEqual((image.stop_signal, image.healthy, image.entry), ("SIGTERM", ["a"], ["b", "c"]))

    def test_the_file_itself(self) -> None:
        """Runs as nobody, keeps what it keeps in one volume, and is asked by the command."""
        said = {each.word: each.text for each in instructions((ROOT / "contrib/container/Containerfile").read_text())}
        self.assertEqual(said["USER"], "65534:65534")
        self.assertEqual(said["VOLUME"], "/var/lib/meshd")
        self.assertIn('"ready"', said["HEALTHCHECK"])
