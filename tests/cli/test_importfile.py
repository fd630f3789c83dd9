from __future__ import annotations

import os
import tempfile
from unittest import mock

from twisted.trial.unittest import SynchronousTestCase

from meshd.cli.errors import Refused
from meshd.cli.importfile import AT_ONCE, ImportFile, opened


class ImportFileTests(SynchronousTestCase):
    def both(self, file: ImportFile) -> list[str]:
        """The lines, which are the same both times."""
        found = []
        for _ in range(2):
            with file.lines() as lines:
                found.append(list(lines))
        self.assertEqual(*found)
        return found[0]

    def test_a_pipe(self) -> None:
        """What comes by it can be read twice, and stands in no folder."""
        reader, writer = os.pipe()
        os.write(writer, b"\xef\xbb\xbfusername\na\n")
        os.close(writer)
        with mock.patch.object(tempfile, "mkstemp", side_effect=AssertionError), opened(f"/dev/fd/{reader}") as file:
            self.assertEqual(["username\n", "a\n"], self.both(file))
        os.close(reader)

    def test_standard_input_from_where_it_is(self) -> None:
        """A file there is read from the place at which it was handed over."""
        path = self.mktemp()
        with open(path, "w+b", buffering=0) as raw:
            raw.write("above\nusername\né\n".encode())
            raw.seek(6)
            with mock.patch("sys.stdin", raw), opened("-") as file:
                self.assertEqual(["username\n", "é\n"], self.both(file))
            self.assertFalse(raw.closed)

    def test_changed_while_it_is_read(self) -> None:
        """It is refused before anything that is read of it from then on is taken for what was checked."""
        path = self.mktemp()
        for count in (3, AT_ONCE, AT_ONCE + 1, 3 * AT_ONCE):
            with open(path, "w") as out:
                out.writelines(f"{number}\n" for number in range(count))
            with opened(path) as file, file.lines() as lines:
                given = [next(lines)]
                os.utime(path, ns=(1, 1))
                with self.assertRaisesRegex(Refused, "it was changed while it was read"):
                    given += lines
                self.assertEqual(given, [f"{number}\n" for number in range(min(count, AT_ONCE))])

    def test_changed_meanwhile(self) -> None:
        """Is no longer the file that was checked."""
        path = self.mktemp()
        with open(path, "w") as out:
            out.write("username\na\n")
        with opened(path) as file:
            with file.lines() as lines:
                self.assertEqual(2, len(list(lines)))
            with open(path, "a") as out:
                out.write("b\n")
            with self.assertRaisesRegex(Refused, "it was changed while it was read"), file.lines():
                pass
