// Libraries of Node, each asked for one page through a proxy: a line of JSON for each page, a line for what is seen.
// `tools/clients.py` copies it beside the `node_modules` that it has installed, and runs it there.

import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import readline from "node:readline";

const PATIENCE = 15000;

const raw = (url, agent, ca) => new Promise((resolve, reject) => {
  const by = url.startsWith("https:") ? https : http;
  by.get(url, {agent, ca, timeout: PATIENCE}, answer => {
    let body = "";
    answer.on("data", piece => body += piece);
    answer.on("end", () => resolve(`${answer.statusCode} ${answer.statusMessage}\n${body}`));
  }).on("error", reject);
});
const shown = async answer => `${answer.status} ${answer.statusText}\n${await answer.text()}`;

const fetchers = {
  undici: async t => {
    const {fetch, ProxyAgent, Socks5ProxyAgent} = await import("undici");
    const made = t.socks ? new Socks5ProxyAgent(t.link.replace("socks5h:", "socks5:"), {requestTls: {ca: t.ca}})
      : new ProxyAgent({uri: t.link, requestTls: {ca: t.ca}});
    return shown(await fetch(t.url, {dispatcher: made, signal: AbortSignal.timeout(PATIENCE)}));
  },
  axios: async t => {
    const {default: axios} = await import("axios");
    const proxy = {protocol: "http", host: t.host, port: +t.port, auth: {username: t.username, password: t.password}};
    const answer = await axios.get(t.url, {
      proxy, timeout: PATIENCE, responseType: "text", transformResponse: a => a, validateStatus: () => true,
      httpsAgent: new https.Agent({ca: t.ca}),
    });
    return `${answer.status} ${answer.statusText}\n${answer.data}`;
  },
  got: async t => {
    const {default: got} = await import("got");
    const {HttpProxyAgent, HttpsProxyAgent} = await import("hpagent");
    const agent = {http: new HttpProxyAgent({proxy: t.link}), https: new HttpsProxyAgent({proxy: t.link})};
    const answer = await got(t.url, {
      agent, timeout: {request: PATIENCE}, retry: {limit: 0}, throwHttpErrors: false,
      https: {certificateAuthority: t.ca},
    });
    return `${answer.statusCode} ${answer.statusMessage}\n${answer.body}`;
  },
  "https-proxy-agent": async t => {
    const {HttpProxyAgent} = await import("http-proxy-agent");
    const {HttpsProxyAgent} = await import("https-proxy-agent");
    return raw(t.url, t.url.startsWith("https:") ? new HttpsProxyAgent(t.link) : new HttpProxyAgent(t.link), t.ca);
  },
  "socks-proxy-agent": async t => {
    const {SocksProxyAgent} = await import("socks-proxy-agent");
    return raw(t.url, new SocksProxyAgent(t.link), t.ca);
  },
  "node-fetch": async t => {
    const {default: fetch} = await import("node-fetch");
    const {HttpProxyAgent} = await import("http-proxy-agent");
    const {HttpsProxyAgent} = await import("https-proxy-agent");
    const agent = t.url.startsWith("https:") ? new HttpsProxyAgent(t.link, {ca: t.ca}) : new HttpProxyAgent(t.link);
    if (t.url.startsWith("https:")) agent.options = {...agent.options, ca: t.ca};
    return shown(await fetch(t.url, {agent, signal: AbortSignal.timeout(PATIENCE)}));
  },
  needle: async t => {
    const {default: needle} = await import("needle");
    const answer = await needle("get", t.url, {proxy: t.link, ca: t.ca, response_timeout: PATIENCE, parse: false});
    return `${answer.statusCode} ${answer.statusMessage}\n${answer.body}`;
  },
  ws: async t => {
    const {default: WebSocket} = await import("ws");
    const {HttpsProxyAgent} = await import("https-proxy-agent");
    const {SocksProxyAgent} = await import("socks-proxy-agent");
    const agent = t.socks ? new SocksProxyAgent(t.link) : new HttpsProxyAgent(t.link);
    return new Promise((resolve, reject) => {
      const made = new WebSocket(t.url.replace("http", "ws"), {agent, ca: t.ca, handshakeTimeout: PATIENCE});
      made.on("open", () => { made.terminate(); resolve("shaken"); }).on("error", reject);
    });
  },
};

// An exception as its user sees it, with what caused it.
const told = error => {
  const lines = [];
  for (; error; error = error.cause) lines.push(`${error.name ?? "Error"}: ${error.message}`);
  return lines.join("\n");
};

for await (const line of readline.createInterface({input: process.stdin})) {
  const task = JSON.parse(line);
  task.ca = fs.readFileSync(task.ca, "utf8");
  task.socks = task.link.startsWith("socks");
  let text;
  try { text = await fetchers[process.argv[2]](task); } catch (error) { text = told(error); }
  process.stdout.write(JSON.stringify(text) + "\n");
}
process.exit(0);
