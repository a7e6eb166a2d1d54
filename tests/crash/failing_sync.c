/* Preloaded before a program: syncs of files fail for as long as the file named by FAIL_SYNC holds a number above 0. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int refused(void) {
    const char *path = getenv("FAIL_SYNC");
    FILE *file = path ? fopen(path, "r+") : NULL;
    int left = 0;
    if (!file) return 0;
    if (fscanf(file, "%d", &left) == 1 && left > 0) {
        rewind(file);
        fprintf(file, "%d   ", left - 1);
    }
    fclose(file);
    if (left > 0) errno = EIO;
    return left > 0;
}

int fsync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fsync");
    return refused() ? -1 : real(descriptor);
}

int fdatasync(int descriptor) {
    int (*real)(int) = dlsym(RTLD_NEXT, "fdatasync");
    return refused() ? -1 : real(descriptor);
}
