"""The table of who may do what is what the daemon does, and the page of the manual is that table."""

from __future__ import annotations

import os

from tests.web.postern.support import PosternTestCase
from tests.web.postern.walk import OPERATIONS, PAGE, page, walked


class WalkTests(PosternTestCase):
    def test_the_page_is_what_happens(self) -> None:
        """Seven resources, seven operations, eight kinds of callers."""

        def there() -> object:
            return self.world.store.file.run(_all)

        outcome = walked(self.world, there)
        self.assertEqual(len(outcome), 7 * 7 * 8)
        for (kind, operation, caller), status in outcome.items():
            reads = OPERATIONS[operation][0] == "GET"
            if caller.startswith("admin"):
                expected = {"create": 201, "delete": 204}.get(operation, 200)
            elif caller.startswith("viewer"):
                expected = 200 if reads else 403
            else:
                expected = 401
            self.assertEqual(status, expected, (kind, operation, caller))
        if os.environ.get("MESHD_WRITE"):
            PAGE.write_text(page(outcome))
        self.assertEqual(PAGE.read_text(), page(outcome))


def _all():  # type: ignore[no-untyped-def]
    from meshd.store.unit import Statement

    rows = yield Statement("select id, kind, settings, enabled, deleted from published order by id", {})
    return [tuple(row) for row in rows]
