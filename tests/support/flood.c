/* flood: as fast a sender, and as fast a reader, as a machine has, and origins for both.  Loopback only.
 *
 *   cc -O2 -pthread -o flood flood.c
 *   flood sink                                    prints its port; for each line of its input, the body bytes that it got
 *   flood source                                  prints its port; sends without end to whoever connects
 *   flood send PORT FILE CONNS SECONDS KIND       CONNS connections to PORT, each sending the bytes of FILE (a head), then
 *                                                 a body without end; prints sent=N (heads and bodies) answers=N
 *   flood repeat PORT FILE CONNS SECONDS TIMES    each sends FILE so many times, each on a connection of its own
 *   flood pull PORT FILE CONNS SECONDS BYTES      each sends FILE and reads an answer's head; when all have one they read
 *                                                 BYTES together, or to the end; prints body=N microseconds=N
 *
 * KIND: raw (the body as it is), or chunked.  A body consists of the letter x, which no head may hold, so that the sink
 * can tell it from all else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 256 * 1024, MOST = 1024 };
static atomic_llong sent, answers, body;
static char head[1 << 20], piece[PIECE + 64];
static int head_size, piece_size, port, times;
static long long wanted;
static double deadline, begun, last;
static pthread_barrier_t all_here;

static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec + t.tv_nsec / 1e9; }

static int send_all(int fd, const char *data, int size) {
    while (size > 0 && now() < deadline) {
        ssize_t n = send(fd, data, size, MSG_NOSIGNAL);
        if (n < 0) return 0;
        sent += n; data += n; size -= n;
    }
    return size == 0;
}

static int to_proxy(void) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval wait = { .tv_sec = 1 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (connect(fd, (struct sockaddr *)&a, sizeof a)) { close(fd); return -1; }
    return fd;
}

static void hang_up(int fd) {
    char got[65536];
    shutdown(fd, SHUT_WR);
    if (recv(fd, got, sizeof got, 0) > 0) answers++;
    while (now() < deadline && recv(fd, got, sizeof got, 0) > 0) ;
    close(fd);
}

static void *sender(void *unused) {
    for (int i = 0; i < times && now() < deadline; i++) {
        int fd = to_proxy();
        if (fd < 0) continue;
        if (send_all(fd, head, head_size)) while (piece_size && send_all(fd, piece, piece_size)) ;
        hang_up(fd);
    }
    return unused;
}

static int read_head(int fd) {
    char got[8192];
    for (int n = 0; n < (int)sizeof got && recv(fd, got + n, 1, 0) == 1; n++)
        if (n >= 3 && !memcmp(got + n - 3, "\r\n\r\n", 4)) return 1;
    return 0;
}

static void *puller(void *unused) {
    char *got = malloc(PIECE);
    int fd = to_proxy(), ready = fd >= 0 && send_all(fd, head, head_size) && read_head(fd);
    ssize_t n;
    if (pthread_barrier_wait(&all_here) == PTHREAD_BARRIER_SERIAL_THREAD) begun = now();
    pthread_barrier_wait(&all_here);
    while (ready && body < wanted && now() < deadline && (n = recv(fd, got, PIECE, 0)) > 0) { body += n; last = now(); }
    if (fd >= 0) close(fd);
    free(got);
    return unused;
}

static void *receiver(void *given) {
    int fd = (int)(long)given;
    char *got = malloc(PIECE);
    ssize_t n;
    while ((n = recv(fd, got, PIECE, 0)) > 0) {
        long long found = 0;
        for (ssize_t i = 0; i < n; i++) found += got[i] == 'x';
        body += found;
    }
    free(got); close(fd);
    return NULL;
}

static void *pourer(void *given) {
    int fd = (int)(long)given;
    while (send_all(fd, piece, PIECE)) ;
    close(fd);
    return NULL;
}

static void *(*served)(void *);

static void *acceptor(void *given) {
    for (;;) {
        int fd = accept((int)(long)given, NULL, NULL);
        pthread_t thread;
        if (fd < 0) return NULL;
        pthread_create(&thread, NULL, served, (void *)(long)fd);
        pthread_detach(thread);
    }
}

static int origin(void *(*serve)(void *)) {
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t size = sizeof a;
    char line[64];
    pthread_t thread;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    served = serve;
    deadline = now() + 1e9;
    memset(piece, 'x', PIECE);
    bind(fd, (struct sockaddr *)&a, sizeof a);
    listen(fd, MOST);
    getsockname(fd, (struct sockaddr *)&a, &size);
    printf("%d\n", ntohs(a.sin_port)); fflush(stdout);
    pthread_create(&thread, NULL, acceptor, (void *)(long)fd);
    while (fgets(line, sizeof line, stdin)) { printf("body=%lld\n", (long long)body); fflush(stdout); }
    return 0;
}

static void make_piece(int chunked) {
    int at = chunked ? sprintf(piece, "%x\r\n", PIECE) : 0;
    memset(piece + at, 'x', PIECE);
    piece_size = at + PIECE + (chunked ? sprintf(piece + at + PIECE, "\r\n") : 0);
}

static void all(void *(*work)(void *), int conns) {
    pthread_t threads[MOST];
    for (int i = 0; i < conns; i++) pthread_create(&threads[i], NULL, work, NULL);
    for (int i = 0; i < conns; i++) pthread_join(threads[i], NULL);
}

int main(int argc, char **argv) {
    if (argc == 2 && !strcmp(argv[1], "sink")) return origin(receiver);
    if (argc == 2 && !strcmp(argv[1], "source")) return origin(pourer);
    if (argc != 7) { fprintf(stderr, "flood: see the top of flood.c\n"); return 2; }
    int conns = atoi(argv[4]) > MOST ? MOST : atoi(argv[4]);
    FILE *file = fopen(argv[3], "rb");
    if (!file) { perror("flood"); return 2; }
    port = atoi(argv[2]);
    head_size = fread(head, 1, sizeof head, file);
    deadline = now() + atof(argv[5]);
    if (!strcmp(argv[1], "pull")) {
        wanted = atoll(argv[6]);
        pthread_barrier_init(&all_here, NULL, conns);
        all(puller, conns);
        printf("body=%lld microseconds=%.0f\n", (long long)body, (last - begun) * 1e6);
        return 0;
    }
    times = strcmp(argv[1], "repeat") ? 1 : atoi(argv[6]);
    if (strcmp(argv[1], "repeat")) make_piece(!strcmp(argv[6], "chunked"));
    all(sender, conns);
    printf("sent=%lld answers=%lld\n", (long long)sent, (long long)answers);
    return 0;
}
