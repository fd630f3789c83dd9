"""Rows of the table: browsers, by what drives them."""

from __future__ import annotations

from tools.clients.client import Client, Library

EVERY = ("http", "https", "SOCKS5")
CHROMIUM, FIREFOX = "chromium", "firefox-esr"


def browser(
    name: str,
    program: str,
    credential: str,
    by: str,
    ways: tuple[str, ...] = EVERY[:2],
    note: str = "",
    *,
    puppeteer: bool = False,
) -> Client:
    """One of a worker's, with the version of the browser.

    by: what the worker calls it.
    """
    asked = Library("puppeteer" if puppeteer else "browsers", by, program)
    return Client(name, program, credential, dict.fromkeys(ways, asked), note)


BROWSERS = (
    browser("Chromium by Playwright", CHROMIUM, "`new_context(proxy={server, username, password})`", "playwright", EVERY),
    browser("Chromium by puppeteer", CHROMIUM, "`createBrowserContext({proxyServer})`, `page.authenticate`", "chromium_context", EVERY, puppeteer=True),
    browser("Chromium by puppeteer and a PAC", CHROMIUM, "`page.authenticate`", "chromium_pac", puppeteer=True),
    browser("Chromium by Selenium", CHROMIUM, "an extension with `webRequestAuthProvider`", "selenium_chromium",
            note="The first page may come before the extension is ready, and is empty: load it again"),
    browser("Chromium's `--proxy-server`", CHROMIUM, "none: a name and a password in it are not read", "switch", EVERY),
    browser("Firefox by Selenium", FIREFOX, "`network.add_auth_handler` of BiDi; for SOCKS5 an extension with `proxy.onRequest`", "selenium_firefox", EVERY),
    browser("Firefox by puppeteer", FIREFOX, "`createBrowserContext({proxyServer})` without `http://`, `page.authenticate`", "firefox_context", puppeteer=True,
            note="A browser for each user name: all contexts of one go as the first"),
    browser("Firefox by puppeteer and a PAC", FIREFOX, "`page.authenticate`", "firefox_pac", puppeteer=True),
)  # fmt: skip
