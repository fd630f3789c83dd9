#!/usr/bin/env bash
# twisted.names.client.createResolver() builds the usual resolver of a Twisted program: the hosts file, then a
# CacheResolver, then a Resolver that asks the name servers.
#
# Guess: an answer with a TTL of an hour is asked for once and then comes from the cache; perhaps a name that does not
#   exist is asked for each time.
# Seen with Twisted 26.10.0: every look-up is asked again, of a name that exists as of one that does not.  Nothing puts
#   the answers into the cache of that chain.  Only look-ups that are under way at the same moment share one question.
#
# Needs: python3 with venv.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'twisted==26.10.0' 2>/dev/null

cat > look.py <<'PYTHON'
from twisted.internet import defer, task
from twisted.names import cache, client, dns, server

asked = []


class OneRecord:
    """Answers every address question with 192.0.2.1 for an hour, and no other."""

    def query(self, query, timeout=None):
        asked.append(query.name.name)
        if query.name.name.startswith(b"gone"):
            return defer.fail(dns.DomainError(query.name.name))
        record = dns.RRHeader(query.name.name, dns.A, dns.IN, 3600, dns.Record_A("192.0.2.1", 3600))
        return defer.succeed(([record], [], []))


@task.react
@defer.inlineCallbacks
def main(reactor):
    port = reactor.listenUDP(0, dns.DNSDatagramProtocol(server.DNSServerFactory(clients=[OneRecord()])), "127.0.0.1")
    resolver = client.createResolver(servers=[("127.0.0.1", port.getHost().port)], hosts=b"no-hosts")
    parts = [type(part).__name__ for part in resolver.resolvers]
    print("createResolver() made:", *parts)
    counts = {}
    for name in ("here.test", "gone.test"):
        asked.clear()
        for _ in range(4):
            try:
                ((answer,), _, _) = yield resolver.lookupAddress(name)
                assert answer.ttl == 3600
            except dns.DomainError:
                pass
        counts[name] = len(asked)
        print(f"{name}: 4 look-ups, one after the other, {len(asked)} questions")
    asked.clear()
    yield defer.gatherResults([resolver.lookupAddress("both.test") for _ in range(4)])
    counts["both.test"] = len(asked)
    print(f"both.test: 4 look-ups at once, {len(asked)} question(s)")
    held = next(part for part in resolver.resolvers if isinstance(part, cache.CacheResolver)).cache
    print("held by the cache in the end:", len(held))
    yield port.stopListening()
    if "CacheResolver" not in parts or held or counts != {"here.test": 4, "gone.test": 4, "both.test": 1}:
        raise SystemExit(1)
PYTHON
venv/bin/python look.py
