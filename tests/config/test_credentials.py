"""Files that systemd gives the service, by the variable that says where they are."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from meshd.config.credentials import USUAL, resolved


class CredentialsTests(SynchronousTestCase):
    def test_the_folder_takes_the_place_of_the_variable(self) -> None:
        """Of the service's own, else the one of a unit of meshd's name; other paths are as they were."""
        path = Path("/etc/$CREDENTIALS_DIRECTORY/mail")
        self.assertEqual(resolved(path, {"CREDENTIALS_DIRECTORY": "/run/c"}), Path("/run/c/mail"))
        self.assertEqual(resolved(path, {}), USUAL / "mail")
        for other in ("/etc/mail", "/etc/$OTHER/mail", "/etc/CREDENTIALS_DIRECTORY/mail"):
            self.assertEqual(resolved(Path(other), {"CREDENTIALS_DIRECTORY": "/run/c"}), Path(other))
