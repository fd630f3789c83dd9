"""Notices to the operator: from the store's outbox to webhooks and mailboxes."""
