"""`meshd account second-factor`: whether an account has one, and taking it away from somebody who has lost hers."""

from __future__ import annotations

from argparse import Namespace

from meshd.accounts import secondfactor
from meshd.cli.context import Context
from meshd.cli.parser import Verbs


def add_to(verbs: Verbs) -> None:
    parser = verbs.verb("second-factor", second_factor, "whether an account has a second factor")
    parser.add_argument("name")
    parser.add_argument("--off", action="store_true", help="take it away: the password alone signs in from now on")


def second_factor(context: Context, args: Namespace) -> None:
    if args.off:
        context.run(secondfactor.take_away, context.operator, args.name, now=context.now())
    factor = context.run(secondfactor.state, context.operator, args.name)
    left = factor.recovery_codes if factor else 0
    shown = {"account": args.name, "second_factor": factor is not None, "recovery_codes": left}
    context.show(shown, {"account": args.name, "second factor": "on" if factor else "off", "recovery codes": left})
