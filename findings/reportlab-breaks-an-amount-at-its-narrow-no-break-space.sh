#!/usr/bin/env bash
# Babel writes a French amount with U+202F NARROW NO-BREAK SPACE between the thousands, as CLDR says.  ReportLab sets
# such an amount into a Paragraph of an invoice.
#
# Guess: a no-break space, narrow or not, keeps the amount on one line, and stays in the line as it was given.
# Seen with ReportLab 5.1.0 and Babel 2.19.0: Paragraph keeps U+00A0, but takes U+202F (and U+2007 FIGURE SPACE) for a
#   place to break: "1 234" ends one line and "567,89 EUR" starts the next.  Also where it does not break, an ordinary
#   space stands in the place of U+202F.  An invoice can show the total of 1 234 567,89 EUR as two numbers.
#
# Needs: python3 with venv.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'reportlab==5.1.0' 'babel==2.19.0' 2>/dev/null

cat > amounts.py <<'PYTHON'
import sys
from babel.numbers import format_currency
from reportlab.lib.styles import getSampleStyleSheet
from reportlab.platypus import Paragraph

STYLE = getSampleStyleSheet()["Normal"]


def lines(text, width):
    paragraph = Paragraph(text, STYLE)
    paragraph.wrap(width, 500)
    return [" ".join(words) for _room, words in paragraph.blPara.lines]


amount = format_currency(1234567.89, "EUR", locale="fr").replace("\u20ac", "EUR")
print("Babel writes", ascii(amount))
seen = {}
for name, between in (("U+00A0", "\u00a0"), ("U+2007", "\u2007"), ("U+202F", "\u202f")):
    text = "Total due now: " + amount.replace("\u202f", between)
    seen[name] = lines(text, 100)
    print(name, "at 100 points:", ascii(seen[name]), "at 400 points:", ascii(lines(text, 400)))
changed = not (
    amount.count("\u202f") == 2
    and seen["U+00A0"] == ["Total due now:", "1\u00a0234\u00a0567,89\u00a0EUR"]
    and seen["U+202F"] == seen["U+2007"] == ["Total due now: 1 234", "567,89\u00a0EUR"]
    and "\u202f" not in lines("Total due now: " + amount, 400)[0]
)
sys.exit(changed)
PYTHON
venv/bin/python amounts.py
