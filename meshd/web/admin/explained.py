"""What to do about each kind of problem, for the documentation.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

ADVICE: Mapping[str, str] = {
    "unauthenticated": "Send the name and the password of an operator's account by Basic.",
    "banned": "There were too many wrong passwords from this address. Wait as long as `Retry-After` says; "
    "an operator at another address can lift the ban.",
    "inactive": "The account is deactivated, suspended or past its last day. Another operator can activate it.",
    "role": "Changes take the role `admin`, reading takes `viewer`, and root alone acts on the accounts of operators.",
    "foreign": "A browser may send this only from a page of this very service. Programs are not concerned.",
    "password": "Bearer tokens are for the proxies and the account API. Use the name and the password.",
    "invalid": "`errors` names each member or parameter with what is wrong with it. Correct them all and send again.",
    "taken": "Another account has this name or e-mail address, or the entry is on the list already. Choose another.",
    "plan-limit": "The account has as many of these as its plan allows. Delete one, or give it another plan.",
    "forbidden": "A rule forbids it in this case; `detail` says which.",
    "not-found": "Nothing has this name or number, or what had it was deleted. A wrong path is answered so too.",
    "method": "The field `Allow` names the methods that the path takes.",
    "changed": "Somebody changed the account since you read it. Read it again, and decide anew.",
    "repeat": "Use a new `Idempotency-Key` for each creation, and the same one for the same request only.",
    "media-type": "Send the body as `application/json`; a PATCH also as `application/merge-patch+json`.",
    "too-large": "No body of this API needs to be so large. Send it in parts.",
    "too-many": "One slow question of an account is answered at a time. Wait for the first answer.",
    "plan-unknown": "The settings have no plan of that name any more. Put it back, or give the account another one.",
    "busy": "Try again after `Retry-After`.",
    "store": "Nothing was changed. Try again after `Retry-After`; a creation safely with an `Idempotency-Key`.",
    "internal": "The daemon's log has the details under the id in `detail`. Tell who runs the service.",
    "malformed": "The request breaks HTTP, or its body is no JSON. `detail` says where.",
}
"""By the same names as `answers.KINDS`."""
