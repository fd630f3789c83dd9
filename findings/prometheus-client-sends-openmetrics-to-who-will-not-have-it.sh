#!/usr/bin/env bash
# A scraper says by Accept which formats it reads, and by q how gladly; "q=0 means not acceptable" (RFC 9110, 12.4.2).  The
# server of prometheus_client speaks the text format 0.0.4 and OpenMetrics.
#
# Guess: it sends what has the highest q; who says application/openmetrics-text;q=0 gets the text format.
# Seen with prometheus_client 0.26.0: q is not read.  Whoever names OpenMetrics at all gets it, with q=0 too, unless
#   text/plain;version=1.0.0 stands in front of it: then it is the first in the list.  The two differ in more than the
#   header: a reader of 0.0.4 meets "# TYPE jobs counter" with no sample of that name, and "# EOF".  And the library's own
#   parser of 0.0.4 gives a counter "jobs" back as "jobs_total": what relays metrics by it renames them.
#
# Needs: curl, python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'prometheus_client==0.26.0' 2>/dev/null

cat > serve.py <<'PYTHON'
import threading
from prometheus_client import CollectorRegistry, Counter, start_http_server

registry = CollectorRegistry()
Counter("jobs", "done", registry=registry).inc()
server, thread = start_http_server(0, addr="127.0.0.1", registry=registry)
print(server.server_port, flush=True)
thread.join()
PYTHON
venv/bin/python serve.py > port & server=$!
until [ -s port ]; do sleep 0.1; done

wrong=0
see() { # what is expected to be sent, Accept
    local seen
    seen=$(curl -sS --noproxy '*' -o page -w '%{content_type}' -H "Accept: $2" "http://127.0.0.1:$(cat port)/metrics")
    seen=${seen%%; charset*}
    printf '%s\n    %s\n' "$2" "$seen"
    grep -E '^# (TYPE jobs.* counter|EOF)' page | sed 's/^/        /'
    [ "$seen" = "$1" ] || wrong=1
}
open='application/openmetrics-text;version=1.0.0'
text='text/plain;version=0.0.4'
see 'text/plain; version=0.0.4' "$text"
see 'application/openmetrics-text; version=1.0.0' "$text;q=1,$open;q=0.1"
see 'application/openmetrics-text; version=1.0.0' "$text,$open;q=0"
see 'text/plain; version=1.0.0' "text/plain;version=1.0.0;q=0.1,$open"

relayed=$(venv/bin/python -c 'from prometheus_client.parser import text_string_to_metric_families as parse
given = "# TYPE jobs counter\njobs 1\n# TYPE load gauge\nload 2\n"
print(*(sample.name for family in parse(given) for sample in family.samples))')
echo "jobs and load, parsed: $relayed"
[ "$relayed" = 'jobs_total load' ] || wrong=1
exit "$wrong"
