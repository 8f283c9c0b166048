/* The floor: what the operating system alone charges for writing the same frames as often.
 *
 *     floor PORT BYTES PIXELS WRITES
 *
 * Accepts WebSocket upgrades on the loopback and then writes one frame to every connection WRITES
 * times a second: the frame is built once a round, and each connection costs one send(). BYTES is the
 * mean size of a write, its frame header included, and PIXELS the mean number of pixels in it; neither
 * has to be whole, and a round's remainder goes into the next. A payload is that many 8-byte pixels,
 * whose first byte is 0, and then bytes of 0xFF up to the size. What clients send is read and dropped.
 */
#define _GNU_SOURCE

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
    BACKLOG = 4096,
    EVENTS = 256,
    FRAME_MAX_BYTES = 4 + 65535,
    PIXEL_BYTES = 8,
    REQUEST_MAX_BYTES = 4096,
    ROUNDS_MAX = 64, /* made good at once after a delay; later ones are left out */
};

struct connection {
    int fd;
    int place;     /* in `live`, or -1 before the upgrade */
    size_t got;    /* bytes of the request so far */
    char *request; /* NULL after the upgrade */
    uint8_t *rest; /* of a frame that the socket took in part, or NULL */
    size_t rest_size;
};

static struct connection **live;
static int live_count, live_room;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static uint32_t rotate(uint32_t value, int bits)
{
    return value << bits | value >> (32 - bits);
}

static void sha1_block(uint32_t state[5], const uint8_t block[64])
{
    uint32_t w[80];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    uint32_t a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
    for (int i = 0; i < 80; i++) {
        uint32_t f, k;
        if (i < 20)
            f = (b & c) | (~b & d), k = 0x5A827999;
        else if (i < 40)
            f = b ^ c ^ d, k = 0x6ED9EBA1;
        else if (i < 60)
            f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
        else
            f = b ^ c ^ d, k = 0xCA62C1D6;
        uint32_t next = rotate(a, 5) + f + e + k + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = next;
    }
    state[0] += a, state[1] += b, state[2] += c, state[3] += d, state[4] += e;
}

/* SHA-1 (FIPS 180-4) of at most 119 bytes. */
static void sha1(const char *text, size_t size, uint8_t digest[20])
{
    uint32_t state[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0};
    uint8_t padded[128] = {0};
    size_t total = size + 9 <= 64 ? 64 : 128;
    memcpy(padded, text, size);
    padded[size] = 0x80;
    padded[total - 2] = (uint8_t)(size * 8 >> 8);
    padded[total - 1] = (uint8_t)(size * 8);
    for (size_t at = 0; at < total; at += 64)
        sha1_block(state, padded + at);
    for (int i = 0; i < 20; i++)
        digest[i] = (uint8_t)(state[i / 4] >> (24 - 8 * (i % 4)));
}

/* Base64 (RFC 4648) of a SHA-1 digest: 28 characters and a NUL. */
static void base64(const uint8_t digest[20], char out[29])
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int i = 0; i < 7; i++) {
        uint32_t group = (uint32_t)digest[3 * i] << 16 | (uint32_t)digest[3 * i + 1] << 8;
        if (i < 6)
            group |= digest[3 * i + 2];
        for (int j = 0; j < 4; j++)
            out[4 * i + j] = letters[group >> (18 - 6 * j) & 63];
    }
    out[27] = '=';
    out[28] = 0;
}

static void leave(struct connection *connection)
{
    if (connection->place >= 0) {
        live[connection->place] = live[--live_count];
        live[connection->place]->place = connection->place;
    }
    close(connection->fd);
    free(connection->request);
    free(connection->rest);
    free(connection);
}

/* Answer a whole request; 0 if it is no upgrade. */
static int upgrade(struct connection *connection)
{
    static const char header[] = "\r\nSec-WebSocket-Key:";
    char *key = strcasestr(connection->request, header);
    if (key == NULL)
        return 0;
    key += sizeof header - 1;
    key += strspn(key, " \t");
    size_t size = strcspn(key, " \t\r");
    if (size != 24)
        return 0;
    char keyed[64], accept[29], answer[160];
    int length = snprintf(keyed, sizeof keyed, "%.24s%s", key,
                          "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    uint8_t digest[20];
    sha1(keyed, (size_t)length, digest);
    base64(digest, accept);
    length = snprintf(answer, sizeof answer,
                      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
                      accept);
    if (send(connection->fd, answer, (size_t)length, MSG_NOSIGNAL) != length)
        return 0;
    free(connection->request);
    connection->request = NULL;
    if (live_count == live_room) {
        live_room = live_room ? 2 * live_room : 1024;
        live = realloc(live, (size_t)live_room * sizeof *live);
        if (live == NULL)
            fail("realloc");
    }
    connection->place = live_count;
    live[live_count++] = connection;
    return 1;
}

/* Read what has come; 0 if the connection is over. */
static int take(struct connection *connection)
{
    char dropped[65536];
    for (;;) {
        int open = connection->request == NULL;
        char *into = open ? dropped : connection->request + connection->got;
        size_t room = open ? sizeof dropped : REQUEST_MAX_BYTES - 1 - connection->got;
        if (room == 0)
            return 0;
        ssize_t size = recv(connection->fd, into, room, 0);
        if (size < 0)
            return errno == EAGAIN || errno == EINTR;
        if (size == 0)
            return 0;
        if (open)
            continue;
        connection->got += (size_t)size;
        connection->request[connection->got] = 0;
        if (strstr(connection->request, "\r\n\r\n") != NULL && !upgrade(connection))
            return 0;
    }
}

static void welcome(int listener, int poll)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        int on = 1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        struct connection *connection = calloc(1, sizeof *connection);
        if (connection == NULL || (connection->request = malloc(REQUEST_MAX_BYTES)) == NULL)
            fail("malloc");
        connection->fd = fd;
        connection->place = -1;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0)
            fail("epoll_ctl");
    }
}

/* A frame of `size` bytes in all that carries `pixels` pixels; how long it became. */
static size_t build(uint8_t *frame, long size, long pixels)
{
    /* No header makes a frame of 128 or 129 bytes; and none is longer than a 16-bit length. */
    if (size == 128 || size == 129)
        size = 127;
    if (size > FRAME_MAX_BYTES)
        size = FRAME_MAX_BYTES;
    size_t header = size > 127 ? 4 : 2, payload = (size_t)size - header;
    frame[0] = 0x82;
    frame[1] = (uint8_t)(header == 2 ? payload : 126);
    if (header == 4) {
        frame[2] = (uint8_t)(payload >> 8);
        frame[3] = (uint8_t)payload;
    }
    memset(frame + header, 0xFF, payload);
    memset(frame + header, 0, (size_t)pixels * PIXEL_BYTES);
    return (size_t)size;
}

/* Hand `data` to the socket, after what it left of an earlier frame. A reader that is still behind
 * then gets nothing this time: whole frames only, and no queue. */
static void write_to(struct connection *connection, const uint8_t *data, size_t size)
{
    int old = connection->rest != NULL;
    if (old)
        data = connection->rest, size = connection->rest_size;
    ssize_t sent = send(connection->fd, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        return; /* epoll will say that it is over */
    if (sent <= 0)
        return;
    size_t left = size - (size_t)sent;
    if (left == 0) {
        free(connection->rest);
        connection->rest = NULL;
        return;
    }
    if (old) {
        memmove(connection->rest, connection->rest + sent, left);
    } else {
        connection->rest = malloc(left);
        if (connection->rest == NULL)
            fail("malloc");
        memcpy(connection->rest, data + sent, left);
    }
    connection->rest_size = left;
}

static void one_round(double mean_bytes, double mean_pixels)
{
    static uint8_t frame[FRAME_MAX_BYTES];
    static double bytes_due, pixels_due;
    bytes_due += mean_bytes;
    pixels_due += mean_pixels;
    long size = (long)bytes_due, pixels = (long)pixels_due;
    if (size < 2)
        return;
    long room = (size - (size > 129 ? 4 : 2)) / PIXEL_BYTES;
    if (pixels > room)
        pixels = room;
    size_t built = build(frame, size, pixels);
    bytes_due -= (double)built;
    pixels_due -= (double)pixels;
    for (int i = 0; i < live_count; i++)
        write_to(live[i], frame, built);
}

static int listen_on(int port)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0)
        fail("socket");
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0 || listen(fd, BACKLOG) < 0)
        fail("listen");
    return fd;
}

static int rounds_of(double per_second)
{
    int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    if (fd < 0)
        fail("timerfd_create");
    double period = 1 / per_second, whole = floor(period);
    struct timespec gap = {.tv_sec = (time_t)whole, .tv_nsec = (long)((period - whole) * 1e9)};
    struct itimerspec timer = {.it_interval = gap, .it_value = gap};
    if (timerfd_settime(fd, 0, &timer, NULL) < 0)
        fail("timerfd_settime");
    return fd;
}

int main(int argc, char **argv)
{
    double bytes = argc == 5 ? atof(argv[2]) : 0, pixels = argc == 5 ? atof(argv[3]) : -1;
    double writes = argc == 5 ? atof(argv[4]) : 0;
    double least = (bytes > 127 ? 4 : 2) + PIXEL_BYTES * pixels;
    if (pixels < 0 || bytes < least || bytes > FRAME_MAX_BYTES || writes <= 0) {
        fprintf(stderr, "usage: floor PORT BYTES PIXELS WRITES; BYTES must hold the PIXELS\n");
        return 2;
    }
    int poll = epoll_create1(EPOLL_CLOEXEC), listener = listen_on(atoi(argv[1]));
    int rounds = rounds_of(writes);
    if (poll < 0)
        fail("epoll_create1");
    /* The listener and the timer stand in the events by the addresses of these variables. */
    struct epoll_event arrival = {.events = EPOLLIN, .data.ptr = &listener};
    struct epoll_event due = {.events = EPOLLIN, .data.ptr = &rounds};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, listener, &arrival) < 0 ||
        epoll_ctl(poll, EPOLL_CTL_ADD, rounds, &due) < 0)
        fail("epoll_ctl");
    for (;;) {
        struct epoll_event events[EVENTS];
        int count = epoll_wait(poll, events, EVENTS, -1);
        for (int i = 0; i < count; i++) {
            void *what = events[i].data.ptr;
            uint64_t times;
            if (what == &listener) {
                welcome(listener, poll);
            } else if (what != &rounds) {
                if (!take(what))
                    leave(what);
            } else if (read(rounds, &times, sizeof times) == sizeof times) {
                for (uint64_t done = 0; done < times && done < ROUNDS_MAX; done++)
                    one_round(bytes, pixels);
            }
        }
    }
}
