// The least a program around libcurl can be that sends what it is given: curl_multi_socket_action on epoll, one thread,
// handles used again, no check of anything, nothing read and nothing written down.
//   post-multi URL ACTIVE TOTAL FILE    FILE has header lines, an empty line and a body; prints POSTs a second
#define _GNU_SOURCE
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

static int set;
static long timeout_ms = -1;
static const char *url, *body;
static long body_length;
static struct curl_slist *headers;

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
    return size * count;
}

static void begin(CURLM *multi, CURL *easy) {
    if (!easy) easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, body_length);
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
    curl_multi_add_handle(multi, easy);
}

static void run(CURLM *multi, long wanted, int active) {
    long started = 0, ended = 0;
    int running;
    for (; started < active && started < wanted; started++) begin(multi, 0);
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
            long status = 0;
            curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
            if (message->data.result != CURLE_OK || status / 100 != 2) {
                fprintf(stderr, "%s, status %ld\n", curl_easy_strerror(message->data.result), status);
                exit(1);
            }
            curl_multi_remove_handle(multi, easy);
            ended++;
            if (started < wanted) started++, begin(multi, easy);
            else curl_easy_cleanup(easy);
        }
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

int main(int count, char **arguments) {
    if (count != 5) return fprintf(stderr, "usage: post-multi URL ACTIVE TOTAL FILE\n"), 2;
    url = arguments[1];
    int active = atoi(arguments[2]);
    long total = atol(arguments[3]);
    FILE *file = fopen(arguments[4], "r");
    if (!file) return perror(arguments[4]), 1;
    static char text[1 << 16];
    text[fread(text, 1, sizeof text - 1, file)] = 0;
    char *line = text, *end;
    while ((end = strchr(line, '\n')) && end != line) {
        *end = 0;
        headers = curl_slist_append(headers, line);
        line = end + 1;
    }
    body = line + 1;
    body_length = (long)strlen(body);

    curl_global_init(CURL_GLOBAL_DEFAULT);
    set = epoll_create1(EPOLL_CLOEXEC);
    CURLM *multi = curl_multi_init();
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, multi);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, on_timer);
    run(multi, active * 4, active);
    double began = now();
    run(multi, total, active);
    printf("%.0f\n", total / (now() - began));
    return 0;
}
