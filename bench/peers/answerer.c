// A server that costs as little as one can, for measuring clients: one thread, epoll, keep-alive.
// GET /hold is read and never answered; everything else gets a 200 with 307 bytes of JSON at once.
//   answerer        listens on a free port of 127.0.0.1 and prints it
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY 307
#define ROOM 65536

int main(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);

    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in name = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t length = sizeof name;
    if (bind(listener, (struct sockaddr *)&name, length) || listen(listener, 4096)) return perror("listen"), 1;
    getsockname(listener, (struct sockaddr *)&name, &length);
    printf("%d\n", ntohs(name.sin_port));
    fflush(stdout);

    static char answer[1024];
    int answer_length = snprintf(answer, sizeof answer,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n{\"status\": \"", BODY);
    int filled = answer_length - 12;  // where the body began
    while (answer_length - filled < BODY - 2) answer[answer_length++] = 'x';
    answer[answer_length++] = '"';
    answer[answer_length++] = '}';

    int set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = { .events = EPOLLIN, .data.fd = listener }, ready[256];
    epoll_ctl(set, EPOLL_CTL_ADD, listener, &event);
    static char buffer[ROOM];
    for (;;) {
        int count = epoll_wait(set, ready, 256, -1);
        for (int i = 0; i < count; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int peer;
                while ((peer = accept4(listener, 0, 0, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
                    setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                    struct epoll_event more = { .events = EPOLLIN, .data.fd = peer };
                    epoll_ctl(set, EPOLL_CTL_ADD, peer, &more);
                }
                continue;
            }
            ssize_t got = recv(fd, buffer, ROOM, 0);
            if (got <= 0) { close(fd); continue; }
            // Requests come whole: they are small, and the client waits for each answer.
            if (memmem(buffer, got < 16 ? got : 16, "/hold", 5)) continue;
            if (send(fd, answer, answer_length, MSG_NOSIGNAL) != answer_length) close(fd);
        }
    }
}
