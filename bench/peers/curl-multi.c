// The least a program around libcurl can be: curl_multi_socket_action on epoll, one thread, handles used again, no
// check of anything. What our client costs beyond this is what its safety and its surface cost.
//   curl-multi PORT HELD ACTIVE TOTAL    prints one line of JSON
#define _GNU_SOURCE
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static int set;
static long timeout_ms = -1;
static size_t received;

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *context, void *known) {
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        epoll_ctl(set, EPOLL_CTL_DEL, fd, 0);
        return 0;
    }
    struct epoll_event event = { .data.fd = fd };
    if (what & CURL_POLL_IN) event.events |= EPOLLIN;
    if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
    epoll_ctl(set, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
    curl_multi_assign(context, fd, &set);
    return 0;
}

static int on_timer(CURLM *multi, long milliseconds, void *context) {
    (void)multi, (void)context;
    timeout_ms = milliseconds;
    return 0;
}

static size_t on_bytes(char *bytes, size_t size, size_t count, void *context) {
    (void)bytes, (void)context;
    received += size * count;
    return size * count;
}

static CURL *begin(CURLM *multi, CURL *easy, const char *url) {
    if (!easy) easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_multi_add_handle(multi, easy);
    return easy;
}

static double now(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static long resident_kb(void) {
    long pages = 0, ignored;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%ld %ld", &ignored, &pages) != 2) pages = 0;
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

// Runs until `wanted` more requests are answered, `active` at a time.
static void run(CURLM *multi, const char *url, long wanted, int active) {
    long started = 0, ended = 0;
    int running;
    for (; started < active && started < wanted; started++) begin(multi, 0, url);
    while (ended < wanted) {
        struct epoll_event ready[256];
        int count = epoll_wait(set, ready, 256, timeout_ms < 0 ? 1000 : (int)timeout_ms);
        if (count == 0) curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        for (int i = 0; i < count; i++) {
            int bits = (ready[i].events & EPOLLIN ? CURL_CSELECT_IN : 0)
                | (ready[i].events & EPOLLOUT ? CURL_CSELECT_OUT : 0)
                | (ready[i].events & (EPOLLERR | EPOLLHUP) ? CURL_CSELECT_ERR : 0);
            curl_multi_socket_action(multi, ready[i].data.fd, bits, &running);
        }
        if (timeout_ms == 0) {
            timeout_ms = -1;
            curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
        }
        CURLMsg *message;
        int left;
        while ((message = curl_multi_info_read(multi, &left))) {
            CURL *easy = message->easy_handle;
            if (message->data.result != CURLE_OK) {
                fprintf(stderr, "%s\n", curl_easy_strerror(message->data.result));
                exit(1);
            }
            curl_multi_remove_handle(multi, easy);
            ended++;
            if (started < wanted) started++, begin(multi, easy, url);
            else curl_easy_cleanup(easy);
        }
    }
}

int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "usage: curl-multi PORT HELD ACTIVE TOTAL\n"), 2;
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int held = atoi(arguments[2]), active = atoi(arguments[3]);
    long total = atol(arguments[4]);
    char fast[64], hold[64];
    snprintf(fast, sizeof fast, "http://127.0.0.1:%s/fast", arguments[1]);
    snprintf(hold, sizeof hold, "http://127.0.0.1:%s/hold", arguments[1]);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    set = epoll_create1(EPOLL_CLOEXEC);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);

    run(multi, fast, 1000, active);
    long before = resident_kb();
    for (int i = 0; i < held; i++) begin(multi, 0, hold);
    run(multi, fast, 2000, active);  // drives the held ones until they wait
    long after = resident_kb();
    double cpu = now(CLOCK_PROCESS_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);
    run(multi, fast, total, active);
    cpu = now(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = now(CLOCK_MONOTONIC) - wall;
    double idle = now(CLOCK_PROCESS_CPUTIME_ID), until = now(CLOCK_MONOTONIC) + 1;
    while (now(CLOCK_MONOTONIC) < until) {
        struct epoll_event ready[256];
        int running, some = epoll_wait(set, ready, 256, 1000);
        for (int i = 0; i < some; i++) curl_multi_socket_action(multi, ready[i].data.fd, 0, &running);
    }
    idle = now(CLOCK_PROCESS_CPUTIME_ID) - idle;
    printf("{\"cpu_us\": %.2f, \"per_second\": %.0f, \"kb_each\": %.1f, \"idle_percent\": %.2f}\n", cpu / total * 1e6,
        total / wall, held ? (double)(after - before) / held : 0, idle * 100);
    return 0;
}
