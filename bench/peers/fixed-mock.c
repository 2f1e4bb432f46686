// An upstream that answers everything after the same time, and costs as little as one can: one thread, epoll,
// keep-alive. Which answer, the first fitting line of the table says.
//   fixed-mock PORT LATENCY_MS TABLE     TABLE: lines of "PATH-PREFIX TAB CONTENT-TYPE TAB FILE"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define ROOM (256 << 10)
#define MOST 65536

struct route { char prefix[256]; char *answer; size_t length; };
struct peer { char *buffer; size_t filled; unsigned life; };
struct due { long long at; int fd; unsigned life; const struct route *route; };

static struct route routes[64];
static int route_count;
static struct peer peers[MOST];
static struct due queue[MOST];  // Every wait is equally long, so who came first is due first.
static unsigned first, last;

static long long now_us(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static void load(const char *path) {
    FILE *table = fopen(path, "r");
    char prefix[256], type[128], file[512];
    if (!table) exit((perror(path), 1));
    while (route_count < 64 && fscanf(table, "%255[^\t]\t%127[^\t]\t%511[^\n]\n", prefix, type, file) == 3) {
        FILE *body = fopen(file, "r");
        if (!body) exit((perror(file), 1));
        fseek(body, 0, SEEK_END);
        size_t size = ftell(body);
        rewind(body);
        struct route *route = &routes[route_count++];
        strcpy(route->prefix, prefix);
        route->answer = malloc(size + 512);
        route->length = sprintf(route->answer, "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %zu\r\n\r\n", type, size);
        route->length += fread(route->answer + route->length, 1, size, body);
        fclose(body);
    }
    fclose(table);
}

static void gone(int fd) {
    peers[fd].life++;
    peers[fd].filled = 0;
    close(fd);
}

static void answer(int fd, const struct route *route) {
    size_t sent = 0;
    while (sent < route->length) {
        ssize_t count = send(fd, route->answer + sent, route->length - sent, MSG_NOSIGNAL);
        if (count <= 0) { gone(fd); return; }
        sent += count;
    }
}

// Takes every whole request off the front of what was read.
static void take(int fd, long long latency) {
    struct peer *peer = &peers[fd];
    for (;;) {
        char *end = memmem(peer->buffer, peer->filled, "\r\n\r\n", 4);
        if (!end) return;
        size_t head = end + 4 - peer->buffer, body = 0;
        *end = 0;
        char *field = strcasestr(peer->buffer, "\r\ncontent-length:");
        if (field) body = strtoul(field + 17, 0, 10);
        *end = '\r';
        if (peer->filled < head + body) return;
        char *path = memchr(peer->buffer, ' ', head);
        const struct route *found = &routes[route_count - 1];
        for (int i = 0; path && i < route_count; i++)
            if (!strncmp(path + 1, routes[i].prefix, strlen(routes[i].prefix))) { found = &routes[i]; break; }
        memmove(peer->buffer, peer->buffer + head + body, peer->filled - head - body);
        peer->filled -= head + body;
        if (latency) queue[last++ % MOST] = (struct due){ now_us() + latency, fd, peer->life, found };
        else answer(fd, found);
    }
}

int main(int count, char **words) {
    if (count != 4) return fprintf(stderr, "fixed-mock PORT LATENCY_MS TABLE\n"), 2;
    long long latency = atof(words[2]) * 1000;
    load(words[3]);
    struct rlimit files = { MOST - 1, MOST - 1 };
    setrlimit(RLIMIT_NOFILE, &files);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    struct sockaddr_in name = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(atoi(words[1])) };
    if (bind(listener, (struct sockaddr *)&name, sizeof name) || listen(listener, 4096)) return perror("listen"), 1;
    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, ready[256];
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        struct timespec wait, *limit = 0;
        if (first != last) {
            long long left = queue[first % MOST].at - now_us();
            if (left < 0) left = 0;
            wait = (struct timespec){ left / 1000000, left % 1000000 * 1000 };
            limit = &wait;
        }
        int found = epoll_pwait2(set, ready, 256, limit, 0);
        for (int i = 0; i < found; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, 0, 0, SOCK_CLOEXEC)) >= 0 && peer < MOST) {
                    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    struct epoll_event more = { .events = EPOLLIN, .data.fd = peer };
                    epoll_ctl(set, EPOLL_CTL_ADD, peer, &more);
                }
                continue;
            }
            struct peer *peer = &peers[fd];
            if (!peer->buffer) peer->buffer = malloc(ROOM);
            ssize_t got = peer->filled < ROOM ? recv(fd, peer->buffer + peer->filled, ROOM - peer->filled, MSG_DONTWAIT) : 0;
            if (got <= 0) { gone(fd); continue; }
            peer->filled += got;
            take(fd, latency);
        }
        while (first != last && queue[first % MOST].at <= now_us()) {
            struct due due = queue[first++ % MOST];
            if (peers[due.fd].life == due.life) answer(due.fd, due.route);
        }
    }
}
