/* pload: a small epoll load generator for HTTP forward proxies.
 *
 *   cc -O2 -o pload pload.c
 *   pload MODE -x PROXY:PORT -o ORIGIN:PORT [-c CONNS] [-t SECONDS] [-p PATH] [-n NAME] [-u NAME] [-H "Name: value"]... [-F FILE]
 *
 * MODE
 *   get      keep-alive absolute-form GETs through the proxy
 *   connect  one CONNECT tunnel per request: connect, CONNECT, GET, read to the end, close
 *   bulk     CONNS tunnels, each reading one endless series of GETs of PATH; prints MB/s
 *   idle     opens CONNS tunnels, says `up standing=N` once each has its answer, holds them for SECONDS or until
 *            its standard input ends; prints how many stood at the end
 *   direct   keep-alive GETs straight to the origin (no proxy): the ceiling of this machine
 *
 * -u NAME       each request (get, connect) asks for a name of its own below NAME, which leads to ORIGIN's port
 * -n NAME       what Host says (direct), if it is not the origin's address: a reverse proxy then stands in its place
 * -F FILE       a field for each request (get, connect): the file's lines in turn, from its beginning again at its end
 * -w COUNT      count from when each of CONNS clients has had so many answers, whatever connections it has them by, after
 *               60 s at the latest (get, connect); says `counting` then
 * -l SRC        bind the client side to this source address (default: none)
 * Prints one line of name=value pairs: ok, err, bad (a status other than 200), reopened (kept
 * connections that the other side ended, asked again), seconds (as they really were), bytes
 * (received), rate (per second), MBps, and latency p50/p99 in microseconds.  Loopback only: any other address is refused.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { GET, CONNECT, BULK, IDLE, DIRECT };
enum { S_CONNECTING, S_CONNECT_REPLY, S_RESPONSE, S_HELD };

typedef struct {
    int fd, state;
    long long need;      /* body bytes still to come; -1 while reading the head */
    int headlen;
    int close_after;
    int served;          /* answers had on this connection */
    int had;             /* answers had in all by this client, which may have one connection after another */
    char head[8192];
    double t0;
} Conn;

static struct sockaddr_in target, source_addr;
static int have_source, mode, nconns = 64, ep;
static double seconds = 5, deadline;
static char req[4096], creq[4096];
static int reqlen, creqlen;
static long long ok, err, bad, bytes, standing, reopened;
static int warm, warmed; static double t0;
static char **fields, *origin, *asked, *name, *below, *path = "/", extra[2048], fresh[256]; static int nfields, field;
static unsigned *lat; static long long nlat, caplat = 4000000;
static char *buf; enum { BUF = 1 << 20 };

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static void parse_addr(const char *s, struct sockaddr_in *a) {
    char host[128]; const char *c = strrchr(s, ':');
    memset(a, 0, sizeof *a); a->sin_family = AF_INET;
    if (c) { snprintf(host, sizeof host, "%.*s", (int)(c - s), s); a->sin_port = htons(atoi(c + 1)); }
    else snprintf(host, sizeof host, "%s", s);
    if (inet_pton(AF_INET, host, &a->sin_addr) != 1 || (ntohl(a->sin_addr.s_addr) >> 24) != 127) {
        fprintf(stderr, "pload: %s is not a loopback address\n", s); exit(2);
    }
}

static void read_fields(const char *name) {
    static char line[1024]; FILE *f = fopen(name, "r"); int room = 0;
    if (!f) { perror(name); exit(2); }
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\r\n")] = 0;
        if (nfields == room) fields = realloc(fields, (room = room ? 2 * room : 1024) * sizeof *fields);
        fields[nfields++] = strdup(line);
    }
    fclose(f);
}

static void write_requests(void) { /* with the next field, where there are some */
    char own[1100] = "";
    static long long count;
    if (nfields) { snprintf(own, sizeof own, "%s\r\n", fields[field]); field = (field + 1) % nfields; }
    if (below) snprintf(fresh, sizeof fresh, "n%lld-%d.%s%s", count++, (int)getpid(), below, strrchr(origin, ':'));
    if (mode == GET) reqlen = snprintf(req, sizeof req, "GET http://%s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pload\r\nAccept: */*\r\n%s%s\r\n", asked, path, asked, extra, own);
    else reqlen = snprintf(req, sizeof req, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: pload\r\nAccept: */*\r\n%s\r\n", path, name ? name : asked, mode == CONNECT ? "Connection: close\r\n" : "");
    creqlen = snprintf(creq, sizeof creq, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n%s%s\r\n", asked, asked, extra, own);
}

static void start(Conn *c);
static void finish(Conn *c, int how) { /* how: 0 error, 1 done (tunnel/connection over) */
    if (c->fd >= 0) { close(c->fd); c->fd = -1; }
    if (how == 0) { err++; if (c->state == S_HELD) standing--; }
    if (mode != IDLE && now() < deadline) start(c);
}

static void arm(Conn *c, int op, unsigned ev) {
    struct epoll_event e = { .events = ev, .data.ptr = c };
    epoll_ctl(ep, op, c->fd, &e);
}

static void start(Conn *c) {
    int one = 1;
    struct linger lg = { 1, 0 };
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (c->fd < 0) { perror("socket"); exit(1); }
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (mode == CONNECT) setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &lg, sizeof lg); /* no TIME_WAIT here */
    if (have_source) { setsockopt(c->fd, IPPROTO_IP, 24 /* IP_BIND_ADDRESS_NO_PORT */, &one, sizeof one);
        bind(c->fd, (void *)&source_addr, sizeof source_addr); }
    c->state = S_CONNECTING; c->headlen = 0; c->need = -1; c->close_after = 0; c->served = 0; c->t0 = now();
    if (connect(c->fd, (void *)&target, sizeof target) < 0 && errno != EINPROGRESS) { err++; close(c->fd); c->fd = -1; return; }
    arm(c, EPOLL_CTL_ADD, EPOLLOUT);
}

/* The proxy ended a kept connection: a client may ask again on a new one, which is no error (RFC 9110 9.2.2). */
static int ended_between(Conn *c) { return c->state == S_RESPONSE && c->need == -1 && c->headlen == 0 && c->served > 0; }
static void lost(Conn *c) { if (ended_between(c)) { reopened++; finish(c, 1); } else finish(c, 0); }

static int send_all(Conn *c, const char *p, int n) { return send(c->fd, p, n, MSG_NOSIGNAL) == n; }

static void sample(Conn *c) { if (nlat < caplat) lat[nlat++] = (unsigned)((now() - c->t0) * 1e6); }

static void answered(Conn *c) { c->served++; ok++; sample(c); if (++c->had == warm) warmed++; }

static void begin_request(Conn *c) {
    c->state = S_RESPONSE; c->need = -1; c->headlen = 0;
    if (mode != CONNECT) c->t0 = now();
    if ((nfields || below) && mode == GET) write_requests();
    if (!send_all(c, req, reqlen)) lost(c);
}

static void on_read(Conn *c) {
    for (;;) {
        ssize_t n = recv(c->fd, buf, BUF, 0);
        if (n < 0) { if (errno == EAGAIN) return; lost(c); return; }
        if (n == 0) {
            if (c->state == S_RESPONSE && c->need == -2) { answered(c); finish(c, 1); }
            else lost(c);
            return;
        }
        bytes += n;
        char *p = buf;
        while (n > 0) {
            if (c->state == S_HELD) { n = 0; break; }
            if (c->need == -2) { n = 0; break; } /* body to the end of the connection */
            if (c->need == -1) {                /* head */
                int room = (int)sizeof c->head - 1 - c->headlen, take = n < room ? (int)n : room;
                if (!take) { finish(c, 0); return; }
                memcpy(c->head + c->headlen, p, take); c->headlen += take; c->head[c->headlen] = 0;
                char *end = strstr(c->head, "\r\n\r\n");
                if (!end) { p += take; n -= take; continue; }
                int used = (int)(end + 4 - c->head) - (c->headlen - take);
                p += used; n -= used;
                int status = atoi(c->head + 9);
                if (c->state == S_CONNECT_REPLY) {
                    if (status != 200) { bad++; finish(c, 1); return; }
                    if (mode == IDLE) { c->state = S_HELD; standing++; return; }
                    begin_request(c); if (c->fd < 0) return;
                    continue;
                }
                if (status != 200) bad++;
                *end = 0;
                char *cl = strcasestr(c->head, "\r\ncontent-length:");
                c->close_after = strcasestr(c->head, "\r\nconnection: close") != 0;
                c->need = cl ? atoll(cl + 17) : -2;
                if (!cl) continue;
            } else { long long take = n < c->need ? n : c->need; c->need -= take; p += take; n -= take; }
            if (c->need == 0) {
                answered(c);
                if (mode == CONNECT || c->close_after || now() >= deadline) { finish(c, 1); return; }
                begin_request(c); if (c->fd < 0) return;
            }
        }
    }
}

static void count_from_now(void) {
    warm = 0; t0 = now(); deadline = t0 + seconds;
    ok = err = bad = bytes = reopened = nlat = 0;
    printf("counting\n"); fflush(stdout);
}

static int cmp(const void *a, const void *b) { unsigned x = *(unsigned *)a, y = *(unsigned *)b; return x < y ? -1 : x > y; }

int main(int argc, char **argv) {
    char *proxy = 0;
    if (argc < 2) { fprintf(stderr, "usage: see the head of pload.c\n"); return 2; }
    char *names[] = { "get", "connect", "bulk", "idle", "direct" };
    mode = -1; for (int i = 0; i < 5; i++) if (!strcmp(argv[1], names[i])) mode = i;
    if (mode < 0) { fprintf(stderr, "pload: unknown mode %s\n", argv[1]); return 2; }
    for (int i = 2; i + 1 < argc; i += 2) {
        char *v = argv[i + 1];
        switch (argv[i][1]) {
        case 'x': proxy = v; break; case 'o': origin = v; break; case 'c': nconns = atoi(v); break;
        case 't': seconds = atof(v); break; case 'p': path = v; break; case 'n': name = v; break;
        case 'l': parse_addr(v, &source_addr); have_source = 1; break;
        case 'F': read_fields(v); break; case 'u': below = v; break; case 'w': warm = atoi(v); break;
        case 'H': strncat(extra, v, sizeof extra - strlen(extra) - 4); strcat(extra, "\r\n"); break;
        default: fprintf(stderr, "pload: unknown option %s\n", argv[i]); return 2;
        }
    }
    struct sockaddr_in check; parse_addr(origin, &check);
    asked = below ? fresh : origin;
    parse_addr(mode == DIRECT ? origin : proxy, &target);
    struct rlimit rl; getrlimit(RLIMIT_NOFILE, &rl); rl.rlim_cur = rl.rlim_max; setrlimit(RLIMIT_NOFILE, &rl);
    write_requests();
    buf = malloc(BUF); lat = malloc(caplat * sizeof *lat); ep = epoll_create1(0);
    Conn *cs = calloc(nconns, sizeof *cs);
    t0 = now(); deadline = t0 + (warm ? 3600 : seconds);
    int opened = 0, announced = 0, over = 0, ramp = mode == IDLE ? 200 : nconns;
    struct epoll_event evs[512], ending = { .events = EPOLLIN, .data.ptr = 0 };
    if (mode == IDLE) epoll_ctl(ep, EPOLL_CTL_ADD, 0, &ending); /* a plain file is refused: then only SECONDS end it */
    while (!over && now() < deadline) {
        for (int i = 0; i < ramp && opened < nconns && (mode != IDLE || opened - standing - bad - err < 400); i++) start(&cs[opened++]);
        int n = epoll_wait(ep, evs, 512, 20);
        if (warm && (warmed >= nconns || now() > t0 + 60)) count_from_now();
        for (int i = 0; i < n; i++) {
            Conn *c = evs[i].data.ptr;
            if (!c) { over = read(0, buf, BUF) <= 0; continue; }
            if (c->fd < 0) continue;
            if (c->state == S_CONNECTING) {
                int e = 0; socklen_t l = sizeof e; getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &l);
                if (e) { finish(c, 0); continue; }
                arm(c, EPOLL_CTL_MOD, EPOLLIN);
                if (mode == GET || mode == DIRECT) begin_request(c);
                else { c->state = S_CONNECT_REPLY; if (nfields || below) write_requests(); if (!send_all(c, creq, creqlen)) finish(c, 0); }
                continue;
            }
            on_read(c);
        }
        if (mode == IDLE && !announced && standing + bad + err >= nconns) {
            printf("up standing=%lld\n", standing); fflush(stdout); announced = 1;
        }
    }
    double dt = now() - t0;
    qsort(lat, nlat, sizeof *lat, cmp);
    printf("ok=%lld err=%lld bad=%lld reopened=%lld seconds=%.3f bytes=%lld rate=%.0f MBps=%.1f p50=%u p99=%u standing=%lld\n",
           ok, err, bad, reopened, dt, bytes, ok / dt, bytes / dt / 1e6,
           nlat ? lat[nlat / 2] : 0, nlat ? lat[(long long)(nlat * .99)] : 0, standing);
    return 0;
}
