/* Faults at the n-th file operation of a process, below Python and SQLite alike.
 *
 *     cc -shared -fPIC -O1 -o shim.so shim.c -ldl
 *     FAULT_ROOT=/folder FAULT_CONTROL=/file LD_PRELOAD=./shim.so program
 *
 * Only what touches files under FAULT_ROOT is looked at.  FAULT_CONTROL is a file of at least sizeof(struct control)
 * bytes, shared with the program's parent: it says what to do, and holds the counts also after a SIGKILL.
 * Descriptors are followed from their opening, so that files opened before the control was armed count too.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum mode { COUNT, FAIL, TEAR, SHORT_WRITE, KILL_BEFORE, KILL_TORN, KILL_AFTER };
enum scope { CHANGES, OPENS };
/* What goes on failing after the first fault: nothing, everything, or what takes up room. */
enum lasting { ONCE, ALL, GROWTH };
enum verdict { PASS, REFUSE, HALF, HALF_THEN_REFUSE, HALF_THEN_DIE, DIE_AFTER };

struct control {
    int armed, mode, scope, lasting, error, padding;
    long target;   /* the operation that is hit, from 1 */
    long changes;  /* operations that change something, so far */
    long opens;    /* openings, so far */
    long injected; /* faults so far */
    char operation[32];
    char path[472];
};

#define DESCRIPTORS 65536
static struct control *control;
static char root[PATH_MAX];
static size_t root_length;
static char followed[DESCRIPTORS];

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULT_ROOT"), *file = getenv("FAULT_CONTROL");
    if (!folder || !file || !realpath(folder, root)) return;
    root_length = strlen(root);
    int descriptor = REAL(open)(file, O_RDWR | O_CLOEXEC);
    if (descriptor < 0) return;
    void *page = mmap(NULL, sizeof(struct control), PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    REAL(close)(descriptor);
    if (page != MAP_FAILED) control = page;
}

static int is_followed(int descriptor) {
    return control && descriptor >= 0 && descriptor < DESCRIPTORS && followed[descriptor];
}

static int is_under(int folder, const char *path) {
    if (!control || !path) return 0;
    if (path[0] != '/') return folder != AT_FDCWD && is_followed(folder);
    return strncmp(path, root, root_length) == 0 && (path[root_length] == '/' || path[root_length] == 0);
}

static int follow(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS) followed[descriptor] = 1;
    return descriptor;
}

__attribute__((noreturn)) static void die(void) {
    kill(getpid(), SIGKILL);
    for (;;) pause();
}

/* Count an operation and return what is to become of it; errno is set where it is refused. */
static enum verdict judge(const char *operation, const char *path, int opens, int changes, int grows) {
    if (!control->armed) return PASS;
    long number = 0;
    if (changes) number = __sync_add_and_fetch(&control->changes, 1);
    if (opens) {
        long opening = __sync_add_and_fetch(&control->opens, 1);
        if (control->scope == OPENS) number = opening;
    } else if (control->scope == OPENS) {
        number = 0;
    }
    if (!number || control->mode == COUNT || number < control->target) return PASS;
    if (number > control->target && (control->lasting == ONCE || (control->lasting == GROWTH && !grows))) return PASS;
    __sync_add_and_fetch(&control->injected, 1);
    if (number == control->target) {
        snprintf(control->operation, sizeof control->operation, "%s", operation);
        snprintf(control->path, sizeof control->path, "%s", path ? path : "");
    }
    errno = control->error;
    switch (control->mode) {
    case FAIL: return REFUSE;
    case TEAR: return HALF_THEN_REFUSE;
    case SHORT_WRITE: return HALF;
    case KILL_BEFORE: die();
    case KILL_TORN: return HALF_THEN_DIE;
    case KILL_AFTER: return DIE_AFTER;
    }
    return PASS;
}

/* An operation that happens whole or not at all. */
#define WHOLE(judged, call, failure)                                    \
    do {                                                                \
        enum verdict v_ = (judged);                                     \
        if (v_ == REFUSE || v_ == HALF_THEN_REFUSE) return (failure);   \
        __typeof__(call) result_ = (call);                              \
        int saved_ = errno;                                             \
        if (v_ == DIE_AFTER || v_ == HALF_THEN_DIE) die();              \
        errno = saved_;                                                 \
        return result_;                                                 \
    } while (0)

static int opened(int folder, const char *path, int flags, mode_t mode) {
    __typeof__(&openat) next = REAL(openat);
    if (!is_under(folder, path)) {
        int descriptor = next(folder, path, flags, mode);
        if (descriptor >= 0 && descriptor < DESCRIPTORS) followed[descriptor] = 0;
        return descriptor;
    }
    int writes = (flags & O_ACCMODE) != O_RDONLY, creates = (flags & O_CREAT) != 0;
    WHOLE(judge("open", path, 1, writes || creates, creates), follow(next(folder, path, flags, mode)), -1);
}

#define OPEN_MODE(flags, last)                                                          \
    mode_t mode = 0;                                                                    \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                              \
        va_list list;                                                                   \
        va_start(list, last);                                                           \
        mode = va_arg(list, mode_t);                                                    \
        va_end(list);                                                                   \
    }

int open(const char *path, int flags, ...) { OPEN_MODE(flags, flags) return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) {
    OPEN_MODE(flags, flags) return opened(AT_FDCWD, path, flags | O_LARGEFILE, mode);
}
int openat(int folder, const char *path, int flags, ...);
int openat64(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags, flags) return opened(folder, path, flags | O_LARGEFILE, mode);
}
int openat(int folder, const char *path, int flags, ...) {
    OPEN_MODE(flags, flags) return opened(folder, path, flags, mode);
}
int __open_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags, 0); }
int __open64_2(const char *path, int flags) { return opened(AT_FDCWD, path, flags | O_LARGEFILE, 0); }
int creat(const char *path, mode_t mode) { return opened(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

int close(int descriptor) {
    if (descriptor >= 0 && descriptor < DESCRIPTORS) followed[descriptor] = 0;
    return REAL(close)(descriptor);
}

/* A write of which a part may arrive. */
#define WRITE(operation, descriptor, length, whole, half)                                    \
    do {                                                                                     \
        if (!is_followed(descriptor)) return (whole);                                        \
        size_t part = (length) / 2;                                                          \
        enum verdict v = judge(operation, NULL, 0, 1, 1);                                    \
        int wanted = errno;                                                                  \
        if (v == REFUSE) return -1;                                                          \
        if (v == HALF && part) return (half);                                                \
        if (v == HALF_THEN_REFUSE || v == HALF_THEN_DIE) {                                   \
            if (part && (half) < 0) { /* what cannot be written is torn all the same */ }    \
            if (v == HALF_THEN_DIE) die();                                                   \
            errno = wanted;                                                                  \
            return -1;                                                                       \
        }                                                                                    \
        ssize_t result = (whole);                                                            \
        if (v == DIE_AFTER) die();                                                           \
        return result;                                                                       \
    } while (0)

ssize_t write(int descriptor, const void *data, size_t length) {
    __typeof__(&write) next = REAL(write);
    WRITE("write", descriptor, length, next(descriptor, data, length), next(descriptor, data, part));
}
ssize_t pwrite(int descriptor, const void *data, size_t length, off_t at) {
    __typeof__(&pwrite) next = REAL(pwrite);
    WRITE("write", descriptor, length, next(descriptor, data, length, at), next(descriptor, data, part, at));
}
ssize_t pwrite64(int descriptor, const void *data, size_t length, off64_t at) {
    __typeof__(&pwrite64) next = REAL(pwrite64);
    WRITE("write", descriptor, length, next(descriptor, data, length, at), next(descriptor, data, part, at));
}
ssize_t writev(int descriptor, const struct iovec *pieces, int count) {
    __typeof__(&writev) next = REAL(writev);
    WRITE("write", descriptor, (size_t)count, next(descriptor, pieces, count), next(descriptor, pieces, (int)part));
}
ssize_t sendfile(int to, int from, off_t *at, size_t length) {
    ssize_t (*next)(int, int, off_t *, size_t) = dlsym(RTLD_NEXT, "sendfile");
    WRITE("write", to, length, next(to, from, at, length), next(to, from, at, part));
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t length) { return sendfile(to, from, at, length); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *target, size_t length, unsigned flags) {
    __typeof__(&copy_file_range) next = REAL(copy_file_range);
    WRITE("write", to, length, next(from, at, to, target, length, flags), next(from, at, to, target, part, flags));
}

/* FAISS writes through the C library's streams, whose own calls cannot be replaced. */
static FILE *streamed(FILE *(*next)(const char *, const char *), const char *path, const char *how) {
    if (!is_under(AT_FDCWD, path)) return next(path, how);
    int writes = strpbrk(how, "wa+") != NULL;
    enum verdict v = judge("open", path, 1, writes, writes);
    if (v == REFUSE || v == HALF_THEN_REFUSE) return NULL;
    FILE *file = next(path, how);
    if (file) follow(fileno(file));
    if (v == DIE_AFTER || v == HALF_THEN_DIE) die();
    return file;
}
FILE *fopen(const char *path, const char *how) { return streamed(REAL(fopen), path, how); }
FILE *fopen64(const char *path, const char *how) { return streamed(REAL(fopen64), path, how); }

size_t fwrite(const void *data, size_t size, size_t count, FILE *file) {
    __typeof__(&fwrite) next = REAL(fwrite);
    if (!is_followed(fileno(file))) return next(data, size, count, file);
    enum verdict v = judge("write", NULL, 0, 1, 1);
    int wanted = errno;
    if (v == REFUSE) return 0;
    if (v == HALF || v == HALF_THEN_REFUSE || v == HALF_THEN_DIE) {
        size_t whole = next(data, size, count / 2, file);
        fflush(file);
        if (v == HALF_THEN_DIE) die();
        errno = wanted;
        return whole;
    }
    size_t whole = next(data, size, count, file);
    if (v == DIE_AFTER) {
        fflush(file);
        die();
    }
    return whole;
}
int fclose(FILE *file) {
    __typeof__(&fclose) next = REAL(fclose);
    int descriptor = fileno(file);
    if (!is_followed(descriptor)) return next(file);
    int pending = __fpending(file) > 0;
    followed[descriptor] = 0;
    enum verdict v = pending ? judge("close", NULL, 0, 1, 1) : PASS;
    int wanted = errno;
    if (v == REFUSE || v == HALF_THEN_REFUSE || v == HALF_THEN_DIE) {
        __fpurge(file);
        next(file);
        if (v == HALF_THEN_DIE) die();
        errno = wanted;
        return EOF;
    }
    int result = next(file);
    if (v == DIE_AFTER) die();
    return result;
}

#define ON_DESCRIPTOR(operation, grows, call)                   \
    if (!is_followed(descriptor)) return call;                  \
    WHOLE(judge(operation, NULL, 0, 1, grows), call, -1)

int ftruncate(int descriptor, off_t length) {
    ON_DESCRIPTOR("truncate", 0, REAL(ftruncate)(descriptor, length));
}
int ftruncate64(int descriptor, off64_t length) {
    ON_DESCRIPTOR("truncate", 0, REAL(ftruncate64)(descriptor, length));
}
int fallocate(int descriptor, int mode, off_t at, off_t length) {
    ON_DESCRIPTOR("allocate", 1, REAL(fallocate)(descriptor, mode, at, length));
}
int fallocate64(int descriptor, int mode, off64_t at, off64_t length) {
    ON_DESCRIPTOR("allocate", 1, REAL(fallocate64)(descriptor, mode, at, length));
}
int fsync(int descriptor) { ON_DESCRIPTOR("sync", 0, REAL(fsync)(descriptor)); }
int fdatasync(int descriptor) { ON_DESCRIPTOR("sync", 0, REAL(fdatasync)(descriptor)); }
int fchmod(int descriptor, mode_t mode) { ON_DESCRIPTOR("chmod", 0, REAL(fchmod)(descriptor, mode)); }

#define ON_PATH(operation, folder, path, grows, call)           \
    if (!is_under(folder, path)) return call;                   \
    WHOLE(judge(operation, path, 0, 1, grows), call, -1)

int rename(const char *from, const char *to) { ON_PATH("rename", AT_FDCWD, to, 0, REAL(rename)(from, to)); }
int renameat(int a, const char *from, int b, const char *to) {
    ON_PATH("rename", b, to, 0, REAL(renameat)(a, from, b, to));
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
    ON_PATH("rename", b, to, 0, REAL(renameat2)(a, from, b, to, flags));
}
int link(const char *from, const char *to) { ON_PATH("link", AT_FDCWD, to, 1, REAL(link)(from, to)); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
    ON_PATH("link", b, to, 1, REAL(linkat)(a, from, b, to, flags));
}
int symlink(const char *from, const char *to) { ON_PATH("link", AT_FDCWD, to, 1, REAL(symlink)(from, to)); }
int unlink(const char *path) { ON_PATH("unlink", AT_FDCWD, path, 0, REAL(unlink)(path)); }
int unlinkat(int folder, const char *path, int flags) {
    ON_PATH("unlink", folder, path, 0, REAL(unlinkat)(folder, path, flags));
}
int rmdir(const char *path) { ON_PATH("unlink", AT_FDCWD, path, 0, REAL(rmdir)(path)); }
int mkdir(const char *path, mode_t mode) { ON_PATH("mkdir", AT_FDCWD, path, 1, REAL(mkdir)(path, mode)); }
int mkdirat(int folder, const char *path, mode_t mode) {
    ON_PATH("mkdir", folder, path, 1, REAL(mkdirat)(folder, path, mode));
}
int chmod(const char *path, mode_t mode) { ON_PATH("chmod", AT_FDCWD, path, 0, REAL(chmod)(path, mode)); }
