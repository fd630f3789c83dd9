"""Samples as Prometheus reads them: its text format, version 0.0.4.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from meshd.metrics.catalogue import FAMILIES, OF, PREFIX
from meshd.values.samples import Sample

MEDIA = "text/plain; version=0.0.4; charset=utf-8"

_ESCAPED = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


def text(samples: Iterable[Sample]) -> str:
    """Each metric that has samples, with its help and its type, in the catalogue's order."""
    found: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        if sample[0] in OF:
            found[OF[sample[0]].name].append(sample)
    lines: list[str] = []
    for family in FAMILIES:
        if family.name in found:
            lines += (f"# HELP {PREFIX}{family.name} {family.help}", f"# TYPE {PREFIX}{family.name} {family.kind}")
            lines += map(_line, found[family.name])
    return "".join(f"{line}\n" for line in lines)


def _line(sample: Sample) -> str:
    name, labels, value = sample
    told = ",".join(f'{label}="{each.translate(_ESCAPED)}"' for label, each in labels)
    return f"{PREFIX}{name}{{{told}}} {_number(value)}" if told else f"{PREFIX}{name} {_number(value)}"


def _number(value: float) -> str:
    """As Go's ParseFloat reads it, and whole numbers in full: a count of bytes is exact up to 2**53."""
    return str(int(value)) if value == value // 1 and abs(value) < 2**53 else repr(float(value))
