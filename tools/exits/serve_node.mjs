// One of npm's proxies as its documentation has it: node serve_node.mjs NAME PORT USERNAME PASSWORD FOLDER
// `tools/exits/packages.py` copies it beside the `node_modules` that it has installed, and runs it there.

const [name, port, username, password, folder] = process.argv.slice(2);
const host = "127.0.0.1";

const makers = {
  "proxy-chain": async () => {
    const {Server} = await import("proxy-chain");
    const prepareRequestFunction = (asked) => ({
      requestAuthentication: asked.username !== username || asked.password !== password,
    });
    await new Server({host, port: Number(port), prepareRequestFunction}).listen();
  },
  "http-mitm-proxy": async () => {
    const {Proxy} = (await import("http-mitm-proxy")).default;
    const proxy = new Proxy();
    proxy.onError(() => {});
    proxy.listen({host, port: Number(port), sslCaDir: folder, keepAlive: true});
  },
  "simple-socks": async () => {
    const socks = (await import("simple-socks")).default;
    const authenticate = (user, secret, _socket, done) =>
      setImmediate(done, user === username && secret === password ? undefined : new Error("no"));
    socks.createServer({authenticate}).listen(Number(port), host);
  },
  "@pondwader/socks5-server": async () => {
    const {createServer} = (await import("@pondwader/socks5-server")).default;
    createServer({auth: {username, password}}).listen(Number(port), host);
  },
};

process.on("uncaughtException", (error) => console.error(error));
await makers[name]();
