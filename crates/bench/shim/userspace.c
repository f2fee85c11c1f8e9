/* Takes the kernel out of a UDP server's loop, to measure the server's own cost of a query.
 *
 * Preloaded, recvfrom() hands out the next packet of a file and sendto() only counts, so what passes
 * between two calls is the server's own work. For servers that call these two, a datagram each (rbldnsd).
 *
 * Environment:
 *   BENCH_PACKETS    packets, each behind its length (uint16_t, native order); asked round and round
 *   BENCH_COUNT      how many to measure
 *   BENCH_WARM       how many to ask before
 *   BENCH_FLUSH      if not 0, so many bytes of memory are walked, off the clock, before every 64 packets
 *
 * Prints "ns_per_query N answered SHARE bytes MEAN" to standard error and ends the process.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static unsigned char *pool, *at, *end;        /* the packets, the next one, their end */
static unsigned char *walk;                   /* memory to walk through */
static uint64_t done, count, warm, flush;     /* packets so far, and the environment */
static uint64_t sent, answered, bytes;        /* replies, those with records, their bytes */
static double spent, since;                   /* CPU nanoseconds so far, and when the clock went on */

/* CPU time; with flushed caches, where the clock is read every 64 packets, the clock that needs no system call. */
static double now(void) {
    struct timespec t;
    clock_gettime(flush ? CLOCK_MONOTONIC : CLOCK_THREAD_CPUTIME_ID, &t);
    return t.tv_sec * 1e9 + t.tv_nsec;
}

static uint64_t number(const char *name) {
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : 0;
}

static void start(void) {
    FILE *file = fopen(getenv("BENCH_PACKETS"), "r");
    if (!file) _exit(9);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    pool = at = malloc(size);
    if (!pool || fread(pool, 1, size, file) != (size_t)size) _exit(9);
    end = pool + size;
    fclose(file);
    count = number("BENCH_COUNT");
    warm = number("BENCH_WARM");
    flush = number("BENCH_FLUSH");
    if (flush) {
        walk = malloc(flush);
        if (!walk) _exit(9);
        memset(walk, 1, flush);
    }
}

static void finish(void) {
    spent += now() - since;
    fprintf(stderr, "ns_per_query %.1f answered %.3f bytes %.1f\n", spent / count,
            (double)answered / (sent ? sent : 1), (double)bytes / (sent ? sent : 1));
    _exit(0);
}

static void flush_caches(void) {
    spent += now() - since;
    for (uint64_t i = 0; i < flush; i += 64) ((volatile unsigned char *)walk)[i]++;
    since = now();
}

ssize_t recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *length) {
    (void)fd, (void)flags;
    if (!pool) start();
    if (done == warm) { since = now(); sent = answered = bytes = 0; }
    if (done == warm + count) finish();
    if (flush && done > warm && done % 64 == 0) flush_caches();
    done++;
    uint16_t n;
    memcpy(&n, at, 2);
    if (n > size) _exit(9);
    memcpy(buffer, at + 2, n);
    at += 2 + n;
    if (at == end) at = pool;
    if (from) {
        struct sockaddr_in *peer = (void *)from;
        peer->sin_family = AF_INET;
        peer->sin_port = 4242;
        peer->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        *length = sizeof *peer;
    }
    return n;
}

ssize_t sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t length) {
    (void)fd, (void)flags, (void)to, (void)length;
    sent++;
    bytes += size;
    answered += ((const unsigned char *)buffer)[7] != 0;
    return size;
}
