"""The manual pages, made from what understands options and settings: the command's parser, twistd's, the tables."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator, Mapping

from meshd.cli.main import parser as command_line
from meshd.cli.parser import common
from meshd.config.exits.described import EXIT
from meshd.config.kinds import Kind
from meshd.config.offers import OFFER
from meshd.config.sections import PLAN, PROXY, RULE
from meshd.config.show import value_text
from meshd.config.table import SETTINGS, Setting
from meshd.tap import Options
from tools.packaging.roff import Page, bold, italic, literal

SETTINGS_PAGE, DAEMON_PAGE, COMMAND_PAGE = ("meshd.toml", 5), ("twistd-meshd", 8), ("meshd", 1)

REPEATED: Mapping[str, tuple[str, Mapping[str, Kind]]] = {
    "[proxies.NAME]": ("A proxy that customers are told of.", PROXY),
    "[proxies.NAME.exits]": ("Which exits serve it: those that are in each of the lists given.", RULE),
    "[[exits]]": ("A way out.", EXIT),
    "[plans.NAME]": ("What its accounts may have.", PLAN),
    "[offers.NAME]": ("What customers may buy.", OFFER),
}
"""Sections of which there may be many; their keys have a kind, and no default."""

EXIT_STATUS = {"0": "Done.", "1": "Refused, with one line of reason on standard error.", "2": "Wrong usage.",
               "130": "Interrupted.", "141": "Whoever read the output went away."}  # fmt: skip


def pages(date: str, version: str) -> Iterator[Page]:
    """Every page; date: YYYY-MM-DD of the release."""
    top = command_line()
    nouns = dict(_nested(top))
    yield _command(top, nouns, date, version)
    for name, noun in nouns.items():
        yield _noun(name, noun, date, version)
    yield _daemon(date, version)
    yield _settings(date, version)


# The command


def _command(top: argparse.ArgumentParser, nouns: Mapping[str, argparse.ArgumentParser], date: str, ver: str) -> Page:
    first, _, _ = (top.description or "").partition("\n\n")
    page = Page(*COMMAND_PAGE, date, ver, "accounts, exits and the books of a meshd proxy service")
    page.heading("SYNOPSIS")
    page.usage(_usage(top, shared=True))
    page.heading("DESCRIPTION")
    page.paragraphs(first.replace("`meshd`", "meshd"))
    page.heading("OPTIONS")
    page.paragraphs("These stand before the command or behind it.")
    _options(page, [*common()._actions, *_own(top)])
    page.heading("COMMANDS")
    for name, noun in nouns.items():
        verbs = list(_nested(noun))
        about = f"{_sentence(noun.description)} See {_page_of(name)}(1)."
        term = bold(f"meshd {name}")
        page.entry(f"{term} {italic('COMMAND')}" if verbs else term, about)
    page.heading("EXIT STATUS")
    for status, meaning in EXIT_STATUS.items():
        page.entry(bold(status), meaning)
    page.heading("ENVIRONMENT")
    page.entry(bold("MESHD_CONFIG"), "The settings file, where --config names none.")
    page.entry(f"{bold('MESHD_')}{italic('SETTING')}", "A setting, as meshd.toml(5) names them.")
    page.see([*((_page_of(name), 1) for name in nouns), SETTINGS_PAGE, DAEMON_PAGE])
    return page


def _noun(name: str, noun: argparse.ArgumentParser, date: str, version: str) -> Page:
    """The page of a word that verbs follow, or of one that is a command itself."""
    page = Page(_page_of(name), 1, date, version, noun.description or name)
    verbs = dict(_nested(noun)) or {"": noun}
    page.heading("SYNOPSIS")
    for verb in verbs.values():
        page.usage(_usage(verb))
    page.heading("DESCRIPTION")
    page.paragraphs(f"{_sentence(noun.description)} Options of meshd(1) may be added to each of these.")
    page.heading("COMMANDS" if "" not in verbs else "OPTIONS")
    for word, verb in verbs.items():
        if word:
            page.subheading(f"meshd {name} {word}")
            page.paragraphs(_sentence(verb.description))
        _options(page, _own(verb))
        if verb.epilog:
            page.paragraphs(verb.epilog)
    page.see([COMMAND_PAGE, SETTINGS_PAGE, DAEMON_PAGE])
    return page


def _page_of(name: str) -> str:
    return f"meshd-{name}"


def _nested(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Sub-commands by their words, in the parser's order."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()


def _own(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """Options and arguments that this parser adds to those which every command has."""
    shared = {option for action in common()._actions for option in action.option_strings} | {"-h", "--help"}
    return [
        action
        for action in parser._actions
        if not shared.intersection(action.option_strings) and not isinstance(action, argparse._SubParsersAction)
    ]


def _usage(parser: argparse.ArgumentParser, *, shared: bool = False) -> str:
    """The parser's line of usage, without the options that every command has."""
    formatter = argparse.HelpFormatter(parser.prog, width=10**6)
    nested = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    actions = [*(common()._actions if shared else []), *_own(parser), *nested]
    formatter.add_usage(parser.usage, actions, parser._mutually_exclusive_groups)
    return formatter.format_help().removeprefix("usage: ")


def _options(page: Page, actions: Iterable[argparse.Action]) -> None:
    for action in actions:
        if not action.option_strings and not action.help:
            continue  # an argument whose name says all, in the line of usage
        formatter = argparse.HelpFormatter("")
        places = formatter._format_args(action, formatter._get_default_metavar_for_optional(action))
        if action.option_strings:
            value = f" {italic(places)}" if places else ""
            term = ", ".join(f"{bold(option)}{value}" for option in action.option_strings)
        else:
            positional = formatter._format_args(action, formatter._get_default_metavar_for_positional(action))
            term = italic(positional)
        page.entry(term, _sentence(formatter._expand_help(action) if action.help else ""))


def _sentence(text: str | None) -> str:
    text = re.sub(r"\s+", " ", text or "").replace(" ;", ";").strip()
    if re.match(r"[a-z]+[ ,.]", f"{text} "):  # no URL, no name of a thing
        text = text[0].upper() + text[1:]
    return text if text.endswith(".") or not text else f"{text}."


# The daemon


def _daemon(date: str, version: str) -> Page:
    options = Options()
    page = Page(*DAEMON_PAGE, date, version, "the daemon of a meshd proxy service")
    page.heading("SYNOPSIS")
    page.usage("twistd [TWISTD_OPTIONS] meshd [OPTIONS]")
    page.heading("DESCRIPTION")
    page.paragraphs(options.longdesc)
    page.paragraphs("A flag wins over the environment, that over the settings file, and that over the default.")
    page.heading("OPTIONS")
    flags = {name: (f", -{short}" if short else "", f"{about}.") for name, short, _, about in options.optParameters}
    flags |= {
        name.removeprefix("opt_"): ("", " ".join((method.__doc__ or "").split()))
        for name, method in vars(Options).items()
        if name.startswith("opt_")
    }
    for name, (short, about) in flags.items():
        page.entry(f"{bold(f'--{name}{short}')} {italic('VALUE')}", _sentence(about.replace("..", ".")))
    page.heading("SIGNALS")
    page.entry(bold("SIGHUP"), "Settings, certificates and lists of exits are read again, and logs reopened.")
    page.entry(bold("SIGTERM"), "Nothing new is accepted, open exchanges may end, counts go to the store.")
    page.see([SETTINGS_PAGE, COMMAND_PAGE, ("twistd", 1)])
    return page


# The settings


def _settings(date: str, version: str) -> Page:
    page = Page(*SETTINGS_PAGE, date, version, "settings of a meshd proxy service")
    page.heading("DESCRIPTION")
    page.paragraphs(
        "A file in TOML, which --config or MESHD_CONFIG names. All settings have defaults. What is unknown, of a wrong"
        " type or out of range is an error that names the line. A reload (meshd reload) takes what has changed, but for"
        " settings that need a restart.\n\nEach setting may also come from the environment: MESHD_ and its name in"
        " capitals, with _ for the dot."
    )
    for section, settings in _by_section().items():
        page.heading(f"[{section}]" if section else "AT THE TOP OF THE FILE")
        for setting in settings:
            page.entry(bold(setting.key.rpartition(".")[2]), _about(setting))
    for title, (about, kinds) in REPEATED.items():
        page.heading(title)
        page.paragraphs(about)
        for key, kind in kinds.items():
            page.entry(bold(key), _sentence(kind.words))
    page.heading("FILES")
    page.entry(literal("/etc/meshd.toml"), "Where Debian's package has it.")
    page.see([COMMAND_PAGE, ("meshd-config", 1), DAEMON_PAGE])
    return page


def _by_section() -> dict[str, list[Setting]]:
    found: dict[str, list[Setting]] = {}
    for setting in SETTINGS:
        found.setdefault(setting.key.partition(".")[0] if "." in setting.key else "", []).append(setting)
    return found


def _about(setting: Setting) -> str:
    parts = [_sentence(setting.about), _sentence(setting.kind.words)]
    default = "" if setting.default is None else value_text(setting.default)
    if default not in ("", "-"):
        parts.append(f"Default: {default}.")
    if setting.flag:
        parts.append(f"Flag: --{setting.flag.replace('_', '-')}.")
    if not setting.live:
        parts.append("Needs a restart.")
    return " ".join(parts)
