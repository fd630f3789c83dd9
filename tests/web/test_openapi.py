"""Documents that are told to everyone."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from meshd.web.openapi import DocumentRoutes, document
from tests.web.support import result


class DocumentTests(SynchronousTestCase):
    def test_it_is_encoded_once(self) -> None:
        """Anybody may ask for it, as often as they like."""
        for package in ("meshd.web.api", "meshd.web.admin"):
            routes = DocumentRoutes("/somewhere", package)
            first, second = (result(routes.told()).content() for _ in range(2))
            self.assertIs(first, second)
            self.assertEqual(json.loads(first), document(package))
