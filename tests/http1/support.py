"""How the generated tests of this folder run, and what they are made of."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def bytes_of(alphabet: bytes, min_size: int, max_size: int) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(list(alphabet)), min_size=min_size, max_size=max_size).map(bytes)


METHODS = bytes_of(TOKEN_BYTES, 1, 32)
NAMES = bytes_of(TOKEN_BYTES, 1, 20)
VISIBLE = bytes_of(bytes(range(33, 127)), 1, 40)
TEXTS = bytes_of(bytes([9, *range(32, 127), *range(128, 256)]), 0, 40).map(lambda text: text.strip(b" \t"))
FIELD_PAIRS = st.tuples(NAMES, TEXTS)


def thorough(examples: int = 200) -> settings:
    """Settings that do not depend on how busy the machine is, and leave no files behind."""
    return settings(max_examples=examples, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow])
