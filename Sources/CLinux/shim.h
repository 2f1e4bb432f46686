// Linux calls that Swift's Glibc module leaves out. Enum constants become plain numbers, and the one union in
// epoll_event becomes two functions.
#pragma once
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

// Declared only under _GNU_SOURCE, which a module map cannot ask for.
int accept4(int socket, struct sockaddr *address, socklen_t *length, int flags);
int pthread_setname_np(pthread_t thread, const char *name);

static const uint32_t linux_readable = EPOLLIN;
static const uint32_t linux_writable = EPOLLOUT;
static const uint32_t linux_peer_finished = EPOLLRDHUP;
static const uint32_t linux_broken = EPOLLERR | EPOLLHUP;
static const uint32_t linux_exclusive = 1u << 28;  // EPOLLEXCLUSIVE

static const int linux_accept_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
static const int linux_socket_flags = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC;

static inline int linux_epoll_create(void) { return epoll_create1(EPOLL_CLOEXEC); }
static inline int linux_eventfd_create(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline int linux_timerfd_create(void) { return timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC); }

static inline int linux_epoll_set(int epoll, int operation, int fd, uint32_t events, uint64_t tag) {
    struct epoll_event event = { .events = events, .data = { .u64 = tag } };
    return epoll_ctl(epoll, operation, fd, &event);
}
static inline uint64_t linux_epoll_tag(const struct epoll_event *event) { return event->data.u64; }

// Fires once, `milliseconds` from now.
static inline int linux_timerfd_arm(int fd, uint64_t milliseconds) {
    struct itimerspec when = { .it_value = { milliseconds / 1000, (milliseconds % 1000) * 1000000 } };
    return timerfd_settime(fd, 0, &when, 0);
}

// Blocks of a MiB and more get pages of their own and give them back when freed. Left to itself glibc raises that mark
// to 32 MiB after the first large block: every thread's arena then keeps what a picture's upload took, for good.
static inline int linux_return_large_blocks(void) { return mallopt(M_MMAP_THRESHOLD, 1 << 20); }
