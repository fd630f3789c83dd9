#!/usr/bin/env bash
# A browser context (a container, a user context of WebDriver BiDi) keeps cookies, storage and logins of its own.  One context
# for each name at the proxy is how automation keeps two customers apart in one browser.
#
# Guess: in Firefox as in Chromium, what is asked for in the second context goes as the name that was given there.
# Seen with Firefox ESR 153.8.0, Chromium 156 and puppeteer-core 25.16.0: Firefox sends the first context's name from both;
#   the second is never asked for one, though each context has a proxy setting of its own.  In Chromium the two are apart.
#   So in Firefox bob's pages are alice's on the proxy's bill, by her exit and by her rights: it takes a browser for each.
#
# Needs: firefox-esr, chromium, node 20 with npm.  Takes half a minute, on loopback alone.
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
npm install --silent --no-audit --no-fund --ignore-scripts puppeteer-core@25.16.0 >/dev/null 2>&1
cat > contexts.mjs <<'JS'
import http from "node:http";
import puppeteer from "puppeteer-core";

const heard = [];
// A proxy that wants a login, and tells who has come.
const proxy = http.createServer((request, answer) => {
  const given = request.headers["proxy-authorization"];
  if (!given) return answer.writeHead(407, {"Proxy-Authenticate": 'Basic realm="it"', "Content-Length": 0}).end();
  if (request.url === "http://site.test/") heard.push(Buffer.from(given.split(" ")[1], "base64").toString().split(":")[0]);
  answer.end("words");
});
await new Promise(done => proxy.listen(0, "127.0.0.1", done));
const at = `127.0.0.1:${proxy.address().port}`;
const root = process.geteuid() === 0 ? ["--no-sandbox"] : [];
const kinds = {
  firefox: {browser: "firefox", executablePath: "/usr/bin/firefox-esr"},
  chromium: {executablePath: "/usr/bin/chromium", args: [...root, "--disable-background-networking"]},
};
const seen = {};
for (const [kind, settings] of Object.entries(kinds)) {
  const browser = await puppeteer.launch({headless: true, ...settings});
  heard.length = 0;
  for (const username of ["alice", "bob"]) {
    const page = await (await browser.createBrowserContext({proxyServer: at})).newPage();
    await page.authenticate({username, password: "words"});
    await page.goto("http://site.test/", {timeout: 20000});
  }
  seen[kind] = [...new Set(heard)].join(" ");
  console.log(`${kind.padEnd(10)}two contexts, alice and bob: the proxy hears ${seen[kind]}`);
  await browser.close();
}
proxy.closeAllConnections();
process.exit(seen.firefox === "alice" && seen.chromium === "alice bob" ? 0 : 1);
JS
node contexts.mjs
