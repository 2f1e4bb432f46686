// Preloaded into a server, this keeps a second copy of its data directory in which only synced bytes are: after each
// fsync or fdatasync of a file below PC_DIR that file is copied, as it is then, to the same name below PC_DURABLE.
// Renames and removals are followed. A power cut is SIGKILL and a new start on PC_DURABLE.
//
// A model, not a disk: whole files, no torn sectors, no reordering. The copy opens and closes the database, which drops
// SQLite's POSIX locks on it; harmless only because exactly one process with one store is under test.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sendfile.h>
#include <unistd.h>

static const char *inside(const char *path) {
    const char *root = getenv("PC_DIR");
    size_t length = root ? strlen(root) : 0;
    if (!length || strncmp(path, root, length) || path[length] != '/') return NULL;
    return path + length + 1;
}

static int durable(const char *name, char *path) {
    const char *root = getenv("PC_DURABLE");
    if (!root) return 0;
    snprintf(path, PATH_MAX, "%s/%s", root, name);
    for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(path, 0700);
        *slash = '/';
    }
    return 1;
}

static void keep(int descriptor) {
    char link[64], source[PATH_MAX], target[PATH_MAX], draft[PATH_MAX + 32];
    struct stat status;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, source, PATH_MAX - 1);
    if (length < 0 || fstat(descriptor, &status) || !S_ISREG(status.st_mode)) return;
    source[length] = 0;
    const char *name = inside(source);
    if (!name || !durable(name, target)) return;
    snprintf(draft, sizeof draft, "%s.draft-%d", target, (int)gettid());
    int in = open(source, O_RDONLY | O_CLOEXEC), out = open(draft, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
    off_t offset = 0;
    while (in >= 0 && out >= 0 && offset < status.st_size) {
        ssize_t count = sendfile(out, in, &offset, status.st_size - offset);
        if (count <= 0) break;
    }
    if (in >= 0) close(in);
    if (out >= 0) close(out);
    rename(draft, target);
}

#define REAL(name) __typeof__(&name) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

int fsync(int descriptor) {
    REAL(fsync);
    int result = real(descriptor);
    if (!result) keep(descriptor);
    return result;
}

int fdatasync(int descriptor) {
    REAL(fdatasync);
    int result = real(descriptor);
    if (!result) keep(descriptor);
    return result;
}

int unlink(const char *path) {
    REAL(unlink);
    char target[PATH_MAX];
    const char *name = inside(path);
    if (name && durable(name, target)) real(target);
    return real(path);
}

int rename(const char *from, const char *to) {
    REAL(rename);
    char source[PATH_MAX], target[PATH_MAX];
    const char *name = inside(from), *other = inside(to);
    if (name && other && durable(name, source) && durable(other, target)) real(source, target);
    return real(from, to);
}
