#!/usr/bin/env bash
# A webhook by the Standard Webhooks specification is signed together with its moment: Webhook.sign(id, timestamp, body) of
# the reference library for Python, whose timestamp is a datetime; webhook-timestamp tells the receiver seconds since 1970.
#
# Guess: a datetime that knows its zone is one moment, whatever the zone: 14:00 at +02:00 signs as 12:00 UTC does, and a
#   datetime without a zone is local time, or refused.
# Seen with standardwebhooks 1.1.0 for Python (and svix 2.9.1, its origin): sign() puts UTC in the place of any zone, so that
#   14:00 at +02:00 is signed as 14:00 UTC.  With the right seconds in webhook-timestamp no receiver can verify it, neither
#   the same library nor standardwebhooks 1.1.1 for Node; nothing says so at the sender.  Node's sign() takes a Date, and
#   signs as Python does at 12:00 UTC.
#
# Needs: node 20 with npm, python3 with venv.  Takes half a minute, without network traffic of its own.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv venv
venv/bin/pip install --quiet 'standardwebhooks==1.1.0' 'svix==2.9.1' 2>/dev/null
npm install --silent --no-audit --no-fund --prefix . standardwebhooks@1.1.1 >/dev/null

cat > verify.js <<'JAVASCRIPT'
const { Webhook } = require('standardwebhooks');
const { secret, seconds, signatures } = JSON.parse(process.argv[2]);
const webhook = new Webhook(secret);
const verified = signatures.map((signature) => {
  const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': String(seconds), 'webhook-signature': signature };
  try { webhook.verify('{"a": 1}', headers); return true; } catch (error) { return error.message; }
});
console.log(JSON.stringify([verified, webhook.sign('msg_1', new Date(seconds * 1000), '{"a": 1}')]));
JAVASCRIPT
cat > sign.py <<'PYTHON'
import json, subprocess, sys
from datetime import datetime, timedelta, timezone
import standardwebhooks, svix.webhooks

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"a": 1}'
webhook = standardwebhooks.Webhook(SECRET)
now = datetime.now(timezone.utc).replace(microsecond=0)
elsewhere = now.astimezone(timezone(timedelta(hours=2)))
assert now == elsewhere and now.timestamp() == elsewhere.timestamp()
seconds = int(elsewhere.timestamp())
signatures = [webhook.sign("msg_1", moment, BODY) for moment in (now, elsewhere)]


def verified(signature):
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(seconds), "webhook-signature": signature}
    try:
        return webhook.verify(BODY, headers) == {"a": 1}
    except standardwebhooks.WebhookVerificationError as error:
        return str(error)


said = json.dumps({"secret": SECRET, "seconds": seconds, "signatures": signatures})
by_node, nodes_own = json.loads(subprocess.run(["node", "verify.js", said], stdout=subprocess.PIPE, check=True).stdout)
for zone, signature, node in zip(("UTC", "+02:00"), signatures, by_node):
    print(f"{zone:8}{signature}  Python: {verified(signature)}; Node: {node}")
print("Node    " + nodes_own)
two_hours_on = webhook.sign("msg_1", now + timedelta(hours=2), BODY)
by_svix = [svix.webhooks.Webhook(SECRET).sign("msg_1", moment, BODY) for moment in (now, elsewhere)]
missing = "No matching signature found"
sys.exit(not ([verified(each) for each in signatures] == by_node == [True, missing] and nodes_own == signatures[0]
              and signatures[1] == two_hours_on and by_svix == signatures))
PYTHON
venv/bin/python sign.py
