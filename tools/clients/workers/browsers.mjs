// Browsers that are driven by puppeteer, each asked for one page through a proxy.

import puppeteer from "puppeteer-core";

import {serve} from "./asking.mjs";

const PAGE = 20000; // milliseconds for a page: less than for all, with a browser to start
const NAME = "origin.test"; // for a loopback address Chromium asks no PAC
const quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"];
const args = [...(process.geteuid() === 0 ? ["--no-sandbox"] : []), "--disable-dev-shm-usage", "--disable-quic", ...quiet];
const launched = {
  chromium: pac => puppeteer.launch({
    executablePath: "/usr/bin/chromium", headless: true, acceptInsecureCerts: true,
    args: [...args, `--host-resolver-rules=MAP ${NAME} 127.0.0.1`, ...(pac ? [`--proxy-pac-url=${pac}`] : [])],
  }),
  firefox: pac => puppeteer.launch({
    browser: "firefox", executablePath: "/usr/bin/firefox-esr", headless: true, acceptInsecureCerts: true,
    extraPrefsFirefox: {
      "network.dns.localDomains": NAME, "devtools.jsonview.enabled": false,
      ...(pac ? {"network.proxy.type": 2, "network.proxy.autoconfig_url": pac} : {}),
    },
  }),
};
const named = t => t.url.replace("127.0.0.1", NAME);
const pac = ways => "data:application/x-ns-proxy-autoconfig;base64,"
  + btoa(`function FindProxyForURL(url, host) { return "${ways}"; }`);
const at = t => `${t.host}:${t.port}`;

const shown = async (page, t, username = t.username) => {
  await page.authenticate({username, password: t.password});
  const answer = await page.goto(named(t), {timeout: PAGE});
  return `${answer.status()} ${answer.statusText()}\n${await page.evaluate(() => document.body.innerText)}`;
};
const closing = async (made, use) => { try { return await use(made); } finally { await made.close(); } };
// Firefox takes no scheme here.
const context = (kind, browser, t) => browser.createBrowserContext({
  proxyServer: kind === "firefox" ? at(t) : `${t.socks ? "socks5" : "http"}://${at(t)}`,
});
const byPac = async (kind, t, ways) => closing(await launched[kind](pac(ways)), async browser => shown(await browser.newPage(), t));

// The task's name on the first page, with "2" behind it on the second.
const twice = async (kind, t, apart) => closing(await launched[kind](), async browser => {
  const made = [await context(kind, browser, t)];
  if (apart) made.push(await context(kind, browser, t));
  const texts = [await shown(await made[0].newPage(), t)];
  texts.push(await shown(await made[made.length - 1].newPage(), t, `${t.username}2`));
  return texts.join("\n");
});

let kept;
const fetchers = {
  chromium_context: async t => {
    kept ??= await launched.chromium();
    return closing(await context("chromium", kept, t), async made => shown(await made.newPage(), t));
  },
  // A browser for each page: its contexts have one login for all.
  firefox_context: async t => closing(await launched.firefox(),
    async browser => shown(await (await context("firefox", browser, t)).newPage(), t)),
};
for (const kind of Object.keys(launched)) {
  fetchers[`${kind}_pac`] = t => byPac(kind, t, `PROXY ${at(t)}`);
  fetchers[`${kind}_pac_refused`] = t => byPac(kind, t, `PROXY ${at(t)}; DIRECT`);
  fetchers[`${kind}_pac_closed`] = t => byPac(kind, t, "PROXY 127.0.0.1:1; DIRECT");
  fetchers[`${kind}_pac_socks`] = t => byPac(kind, t, `SOCKS5 ${at(t)}; DIRECT`);
  fetchers[`${kind}_one_context`] = t => twice(kind, t, false);
  fetchers[`${kind}_two_contexts`] = t => twice(kind, t, true);
}
// What Firefox says goes on with where in it that was.
const first = error => { throw new Error(error.message.split(/\n| RemoteError@/)[0]); };
await serve(Object.fromEntries(Object.entries(fetchers).map(([name, fetch]) => [name, t => fetch(t).catch(first)])));
