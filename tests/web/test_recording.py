"""What a record tells of the settings that were changed."""

from __future__ import annotations

from unittest import TestCase

from meshd.web.recording import told


class ToldTests(TestCase):
    def test_names_and_values(self) -> None:
        self.assertEqual(
            told({"name": "n", "clients": [1], "enabled": False}), {"name": "n", "clients": [1], "enabled": False}
        )

    def test_what_may_be_secret(self) -> None:
        """Of header fields and of what clients keep for themselves the names alone; of keys and passwords nothing."""
        rules = [
            {"direction": "request", "operation": "set", "name": "Authorization", "value": "Bearer canary"},
            {"direction": "response", "operation": "delete", "name": "Server", "value": ""},
        ]
        secrets = dict.fromkeys(("password", "secret", "auth", "certificate_key"), "canary")
        found = told({"headers": rules, "meta": {"key": "canary", "a": 1}, "error_pages": {"404": "canary"}, **secrets})
        self.assertEqual(
            found,
            {
                "headers": [
                    {"direction": "request", "operation": "set", "name": "Authorization"},
                    {"direction": "response", "operation": "delete", "name": "Server"},
                ],
                "meta": ["a", "key"],
                "error_pages": ["404"],
            },
        )
