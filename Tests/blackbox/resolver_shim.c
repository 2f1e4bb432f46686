/* LD_PRELOAD: getaddrinfo answers what the file named by RESOLVER_SHIM says, read anew at each call: lines of a name and
   the addresses it leads to. Names that it does not have go to the real one. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *answers(void) {
    const char *path = getenv("RESOLVER_SHIM");
    return path ? fopen(path, "r") : NULL;
}

/* One block for the entry and its address, as glibc's own freeaddrinfo expects. */
static struct addrinfo *entry(const char *text) {
    unsigned char raw[16];
    int family = strchr(text, ':') ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, raw) != 1) return NULL;
    socklen_t length = family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    struct addrinfo *made = calloc(1, sizeof(struct addrinfo) + length);
    if (!made) return NULL;
    made->ai_family = family;
    made->ai_socktype = SOCK_STREAM;
    made->ai_protocol = IPPROTO_TCP;
    made->ai_addrlen = length;
    made->ai_addr = (struct sockaddr *)(made + 1);
    made->ai_addr->sa_family = (sa_family_t)family;
    if (family == AF_INET6)
        memcpy(&((struct sockaddr_in6 *)made->ai_addr)->sin6_addr, raw, 16);
    else
        memcpy(&((struct sockaddr_in *)made->ai_addr)->sin_addr, raw, 4);
    return made;
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result) {
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!real) *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    FILE *file = node ? answers() : NULL;
    if (!file) return real(node, service, hints, result);
    char line[1024];
    struct addrinfo *first = NULL, **last = &first;
    int isKnown = 0;
    while (fgets(line, sizeof line, file)) {
        char *rest = line, *word = strsep(&rest, " \n");
        if (!word || strcmp(word, node) != 0) continue;
        isKnown = 1;
        while ((word = strsep(&rest, " \n")))
            if (*word && (*last = entry(word))) last = &(*last)->ai_next;
    }
    fclose(file);
    if (!isKnown) return real(node, service, hints, result);
    *result = first;
    return first ? 0 : EAI_NONAME;
}
