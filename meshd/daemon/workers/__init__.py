"""Workers: processes that carry the proxies' bytes for a daemon that has several cores."""
