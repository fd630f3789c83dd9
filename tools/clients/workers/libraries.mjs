// Libraries of Node, each asked for one page through a proxy.  The script is copied beside the `node_modules` that it needs.

import fs from "node:fs";
import http from "node:http";
import https from "node:https";
import {execFile} from "node:child_process";

import {PATIENCE, SHAKEN, serve} from "./asking.mjs";

const raw = (url, agent, ca) => new Promise((resolve, reject) => {
  const by = url.startsWith("https:") ? https : http;
  by.get(url, {agent, ca, timeout: PATIENCE}, answer => {
    let body = "";
    answer.on("data", piece => body += piece);
    answer.on("end", () => resolve(`${answer.statusCode} ${answer.statusMessage}\n${body}`));
  }).on("error", reject);
});
// All that a program of this environment prints.
const ran = (program, ...words) => new Promise(resolve => execFile(new URL(`node_modules/.bin/${program}`, import.meta.url).pathname,
  words, (error, out, complaints) => resolve(out + complaints)));
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
      made.on("open", () => { made.terminate(); resolve(SHAKEN); }).on("error", reject);
    });
  },
  "global-agent": async t => {
    if (!global.GLOBAL_AGENT) (await import("global-agent")).bootstrap();
    global.GLOBAL_AGENT.HTTP_PROXY = t.link;
    return raw(t.url, undefined, t.ca);
  },
  tunnel: async t => {
    const {default: tunnel} = await import("tunnel");
    const proxy = {host: t.host, port: +t.port, proxyAuth: `${t.username}:${t.password}`};
    const agent = t.url.startsWith("https:") ? tunnel.httpsOverHttp({proxy, ca: t.ca}) : tunnel.httpOverHttp({proxy});
    return raw(t.url, agent, t.ca);
  },
  superagent: async t => {
    const {default: superagent} = await import("superagent");
    (await import("superagent-proxy")).default(superagent);
    const answer = await superagent.get(t.url).proxy(t.link).ca(t.ca).timeout(PATIENCE).ok(() => true);
    return `${answer.status}\n${answer.text}`;
  },
  request: async t => {
    const {default: request} = await import("request");
    return new Promise((resolve, reject) => request({url: t.url, proxy: t.link, ca: t.ca, timeout: PATIENCE},
      (error, answer, body) => error ? reject(error) : resolve(`${answer.statusCode} ${answer.statusMessage}\n${body}`)));
  },
  "grpc-js": async t => {
    const {default: grpc} = await import("@grpc/grpc-js");
    const bytes = {requestSerialize: a => a, requestDeserialize: a => a, responseSerialize: a => a, responseDeserialize: a => a};
    const methods = {echo: {path: "/it/Echo", requestStream: false, responseStream: false, ...bytes}};
    const server = new grpc.Server();
    server.addService(methods, {echo: (call, answer) => answer(null, call.request)});
    const port = await new Promise((resolve, reject) => server.bindAsync("127.0.0.1:0",
      grpc.ServerCredentials.createInsecure(), (error, bound) => error ? reject(error) : resolve(bound)));
    process.env.grpc_proxy = t.link;
    const Client = grpc.makeGenericClientConstructor(methods, "it");
    const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure());
    try {
      return await new Promise((resolve, reject) => client.echo(Buffer.from(SHAKEN), {deadline: Date.now() + PATIENCE},
        (error, answer) => error ? reject(error) : resolve(answer.toString())));
    } finally { client.close(); server.forceShutdown(); }
  },
  "proxy-chain": async t => {
    const {Server} = await import("proxy-chain");
    const {HttpProxyAgent} = await import("http-proxy-agent");
    const {HttpsProxyAgent} = await import("https-proxy-agent");
    const upstreamProxyUrl = t.link.replace("socks5h:", "socks5:");
    const server = new Server({port: 0, host: "127.0.0.1", prepareRequestFunction: () => ({upstreamProxyUrl})});
    await server.listen();
    const own = `http://127.0.0.1:${server.port}`;
    try { return await raw(t.url, t.url.startsWith("https:") ? new HttpsProxyAgent(own) : new HttpProxyAgent(own), t.ca); }
    finally { await server.close(true); }
  },
  // The origin is no registry, as they find once they have come to it.
  npm: t => ran("npm", "view", "nothing-like-this", `--registry=${t.url.replace("/echo", "/")}`, `--proxy=${t.link}`,
    `--https-proxy=${t.link}`, `--cafile=${t.file}`, "--fetch-retries=0", "--noproxy=", "--loglevel=error"),
  yarn: t => {
    fs.writeFileSync(".yarnrc", `cafile "${t.file}"\n`);
    const registry = t.url.replace("/echo", "").replace("127.0.0.1", "localhost");
    return ran("yarn", "info", "nothing-like-this", "--no-progress", "--registry", registry, "--proxy", t.link,
      "--https-proxy", t.link);
  },
};

await serve(fetchers);
