"""Pictures of the main pages for the manual: `python -m tests.live.screenshots [FOLDER]`.

Each at two widths, in light and in dark, with a palette, so that a picture is small.  `--all` takes every page that a
link leads to instead, for whoever wants to look at them.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.live.test_browser import trusted
from tests.support import browser, demo
from tests.support.daemon import LiveDaemon
from tests.support.manual import ROOT
from tests.support.tour import crawl, demo_daemon, sign_in

PAGES: Mapping[str, tuple[str, str]] = {
    "dashboard": ("customer", "/account/dashboard/"),
    "bandwidth": ("customer", "/account/usage/?range=quarter&by=token"),
    "tokens": ("customer", "/account/edit_tokens/"),
    "proxy": ("customer", "/account/proxy_status/us/"),
    "activity": ("customer", "/account/activity/"),
    "overview": ("root", "/operator/"),
    "accounts": ("root", "/operator/accounts/"),
    "account": ("root", "/operator/accounts/alice/"),
}
"""The name of the picture, who looks, and where."""

WIDTHS = {"wide": 1280, "narrow": 390}
SCHEMES = ("light", "dark")
TALLEST = 1500
"""Pixels of a picture's height: more of a long page says nothing new."""
LARGEST = 100_000
"""Bytes of a picture, so that the manual stays small."""


def compact(data: bytes, tallest: int = TALLEST) -> bytes:
    """The picture with as many colours as fit into `LARGEST`."""
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture = picture.crop((0, 0, picture.width, min(picture.height, tallest)))
    for colours in (256, 128, 64, 32, 16):
        made = io.BytesIO()
        picture.quantize(colours, dither=Image.Dither.NONE).save(made, "PNG", optimize=True)
        if len(made.getvalue()) < LARGEST:
            break
    return made.getvalue()


def pictures(chromium: Browser, daemon: LiveDaemon, role: str, whole: bool) -> Iterator[tuple[str, Page]]:
    """The pages of one role in a browser of each width and scheme, with the name of each picture."""
    for width, pixels in WIDTHS.items():
        for scheme in SCHEMES:
            context = chromium.new_context(
                base_url=daemon.api,
                viewport={"width": pixels, "height": 844},
                color_scheme=scheme,  # type: ignore[arg-type]
                reduced_motion="reduce",
            )
            page = context.new_page()
            sign_in(page, demo.PEOPLE[role])
            if whole:
                for path in crawl(page, role):
                    yield f"{role}{path.replace('/', '.').replace('{', '').replace('}', '')}{width}-{scheme}", page
            for name, (who, where) in PAGES.items():
                if who == role and not whole:
                    page.goto(where)
                    yield f"{name}-{width}-{scheme}", page
            context.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "docs" / "pages")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--role", action="append", choices=demo.PEOPLE)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    daemon = demo_daemon(None)
    flag = trusted(daemon.certificate.read_bytes())
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=browser.program(), args=[*browser.FLAGS, flag])
        for role in asked.role or sorted({role for role, _ in PAGES.values()}):
            for name, page in pictures(chromium, daemon, role, asked.all):
                data = page.screenshot(full_page=True)
                (asked.folder / f"{name}.png").write_bytes(compact(data, 3000 if asked.all else TALLEST))
        chromium.close()
    daemon.close()


if __name__ == "__main__":
    main()
