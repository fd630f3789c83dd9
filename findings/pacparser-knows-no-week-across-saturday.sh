#!/usr/bin/env bash
# A PAC file sends traffic by one proxy on the days weekdayRange("FRI", "MON", "GMT") names, and during the hours
# timeRange(first, last, "GMT") names.  Two evaluators for Python read it: pacparser and PyPAC.
#
# Guess: both evaluators give the same answers; a range of days that ends before it starts goes over the end of the
#   week, and timeRange(9, 17) is true until 17:00, as in the description of the format.
# Seen with pacparser 1.5.3 and PyPAC 0.19.0: in pacparser a range of days whose end comes before its start holds on
#   no day at all, so that weekdayRange("MON", "SUN") is never true; in PyPAC it goes over Saturday.  The
#   hour h is within timeRange(h - 1, h) in pacparser and not in PyPAC.
#
# Needs: python3 with venv.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'pacparser==1.5.3' 'pypac==0.19.0' 2>/dev/null

cat > days.py <<'PYTHON'
import sys, time
import pacparser
from pypac.parser import PACFile

# Each of these six ranges has all seven days, where a range may go over the end of the week.
WEEKS = """function FindProxyForURL(url, host) {
    var days = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"], held = 0;
    for (var i = 1; i < 7; i++) if (weekdayRange(days[i], days[i - 1], "GMT")) held++;
    return "PROXY held:" + held;
}"""
# The second of the two hours is the hour it is now.
HOURS = """function FindProxyForURL(url, host) {
    return "PROXY within:" + (timeRange(%d, %d, "GMT") ? 1 : 0);
}"""


def answers(pac):
    pacparser.init()
    pacparser.parse_pac_string(pac)
    first = pacparser.find_proxy("http://a.test/", "a.test")
    pacparser.cleanup()
    return first, PACFile(pac).find_proxy_for_url("http://a.test/", "a.test")


now = time.gmtime()
if now.tm_min == 59 and now.tm_sec > 50 or now.tm_min == 0 and now.tm_sec < 2:
    time.sleep(15)
weeks = answers(WEEKS)
print("of six ranges of a whole week hold: pacparser %s, PyPAC %s" % weeks)
changed = weeks != ("PROXY held:0", "PROXY held:6")
hour = time.gmtime().tm_hour
if hour > 0:
    hours = answers(HOURS % (hour - 1, hour))
    print("timeRange(%d, %d) at %d:%02d: pacparser %s, PyPAC %s" % (hour - 1, hour, hour, time.gmtime().tm_min, *hours))
    changed = changed or hours != ("PROXY within:1", "PROXY within:0")
sys.exit(changed)
PYTHON
venv/bin/python days.py
