// libcurl sets and reads everything through variadic calls, which Swift cannot make; these give each kind of option
// a plain function, and each callback its own type. Nothing is decided here.
#pragma once
#include <curl/curl.h>

// CURLOPT_PROTOCOLS_STR came with 7.85, CURLOPT_QUICK_EXIT and the shared CA store with 7.87.
#if LIBCURL_VERSION_NUM < 0x075700
#error "libcurl 7.87 or newer is needed"
#endif

static inline CURLcode curl_set_long(CURL *easy, CURLoption option, long value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode curl_set_offset(CURL *easy, CURLoption option, curl_off_t value) {
    return curl_easy_setopt(easy, option, value);
}
// libcurl copies the text, except for CURLOPT_POSTFIELDS.
static inline CURLcode curl_set_text(CURL *easy, CURLoption option, const char *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode curl_set_list(CURL *easy, CURLoption option, struct curl_slist *value) {
    return curl_easy_setopt(easy, option, value);
}
static inline CURLcode curl_set_pointer(CURL *easy, CURLoption option, void *value) {
    return curl_easy_setopt(easy, option, value);
}

static inline void curl_set_write(CURL *easy, curl_write_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, context);
}
static inline void curl_set_header(CURL *easy, curl_write_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, context);
}
static inline void curl_set_read(CURL *easy, curl_read_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_READFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_READDATA, context);
}
static inline void curl_set_seek(CURL *easy, curl_seek_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_SEEKDATA, context);
}
static inline void curl_set_open_socket(CURL *easy, curl_opensocket_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, context);
}
static inline void curl_set_close_socket(CURL *easy, curl_closesocket_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, context);
}
static inline void curl_set_before_request(CURL *easy, curl_prereq_callback function, void *context) {
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, function);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, context);
}

// Zero or NULL when libcurl has no value.
static inline long curl_get_long(CURL *easy, CURLINFO info) {
    long value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}
static inline curl_off_t curl_get_offset(CURL *easy, CURLINFO info) {
    curl_off_t value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}
static inline const char *curl_get_text(CURL *easy, CURLINFO info) {
    const char *value = 0;
    curl_easy_getinfo(easy, info, &value);
    return value;
}
static inline void *curl_get_pointer(CURL *easy) {
    void *value = 0;
    curl_easy_getinfo(easy, CURLINFO_PRIVATE, &value);
    return value;
}

static inline void curl_multi_set_long(CURLM *multi, CURLMoption option, long value) {
    curl_multi_setopt(multi, option, value);
}
static inline void curl_multi_set_socket(CURLM *multi, curl_socket_callback function, void *context) {
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, function);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, context);
}
static inline void curl_multi_set_timer(CURLM *multi, curl_multi_timer_callback function, void *context) {
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, function);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, context);
}

// The next transfer that has ended, or NULL.
static inline CURL *curl_multi_next_done(CURLM *multi, CURLcode *code) {
    int left = 0;
    for (;;) {
        CURLMsg *message = curl_multi_info_read(multi, &left);
        if (!message) return 0;
        if (message->msg == CURLMSG_DONE) {
            *code = message->data.result;
            return message->easy_handle;
        }
    }
}

// The address lies behind the struct's own fields and may be longer than the last of them says.
static inline const struct sockaddr *curl_address_of(const struct curl_sockaddr *address) { return &address->addr; }
