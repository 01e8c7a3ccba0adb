/* Loaded before the C library (LD_PRELOAD): makes writes below one folder fail, and moves the
 * wall clock, as the test says in a file that both map. Built by tests/faults/shim.py. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct control {
    int64_t offset_seconds; /* the wall clock is this much ahead */
    int32_t after;          /* so many writes go well, those that follow fail; -1: none fails */
    int32_t times;          /* so many fail, then all go well again; -1: all */
    int32_t error;          /* errno of those that fail */
    int32_t seen;           /* counted by us: writes */
    int32_t failed;         /* counted by us: those that failed */
};

static struct control *control;
static const char *below;
static size_t below_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULTS_CONTROL");
    below = getenv("FAULTS_BELOW");
    if (path == NULL || below == NULL) return;
    below_length = strlen(below);
    int file = open(path, O_RDWR | O_CLOEXEC);
    if (file < 0) abort();
    void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    if (map == MAP_FAILED) abort();
    control = map;
}

static int is_below(const char *path) { return strncmp(path, below, below_length) == 0; }

/* Whether this write fails; sets errno. */
static int fails(void) {
    int number = __atomic_fetch_add(&control->seen, 1, __ATOMIC_SEQ_CST);
    int after = __atomic_load_n(&control->after, __ATOMIC_SEQ_CST);
    if (after < 0 || number < after) return 0;
    if (control->times >= 0 && number >= after + control->times) return 0;
    __atomic_fetch_add(&control->failed, 1, __ATOMIC_SEQ_CST);
    errno = control->error;
    return 1;
}

static int file_fails(int file) {
    if (control == NULL) return 0;
    int saved = errno;
    char link[32] = "/proc/self/fd/", path[4096], digits[12];
    int count = 0;
    for (unsigned n = (unsigned)file; count == 0 || n > 0; n /= 10) digits[count++] = '0' + n % 10;
    for (int i = 0; i < count; i++) link[14 + i] = digits[count - 1 - i];
    link[14 + count] = 0;
    ssize_t length = readlink(link, path, sizeof path - 1);
    errno = saved;
    if (length < 0) return 0;
    path[length] = 0;
    return is_below(path) && fails();
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define REAL(name)                             \
    static __typeof__(&name) real;             \
    if (real == NULL) real = NEXT(name)

ssize_t write(int file, const void *data, size_t size) {
    REAL(write);
    return file_fails(file) ? -1 : real(file, data, size);
}
ssize_t pwrite(int file, const void *data, size_t size, off_t at) {
    REAL(pwrite);
    return file_fails(file) ? -1 : real(file, data, size, at);
}
ssize_t pwrite64(int file, const void *data, size_t size, off64_t at) {
    REAL(pwrite64);
    return file_fails(file) ? -1 : real(file, data, size, at);
}
int ftruncate(int file, off_t size) {
    REAL(ftruncate);
    return file_fails(file) ? -1 : real(file, size);
}
int ftruncate64(int file, off64_t size) {
    REAL(ftruncate64);
    return file_fails(file) ? -1 : real(file, size);
}
int fsync(int file) {
    REAL(fsync);
    return file_fails(file) ? -1 : real(file);
}
int fdatasync(int file) {
    REAL(fdatasync);
    return file_fails(file) ? -1 : real(file);
}

/* A file that is to be made needs room, too. */
#define OPEN(name)                                                                          \
    int name(const char *path, int flags, ...) {                                            \
        REAL(name);                                                                         \
        va_list more;                                                                       \
        va_start(more, flags);                                                              \
        mode_t mode = va_arg(more, mode_t);                                                 \
        va_end(more);                                                                       \
        if (control != NULL && (flags & O_CREAT) && is_below(path) && access(path, F_OK)) { \
            errno = 0;                                                                      \
            if (fails()) return -1;                                                         \
        }                                                                                   \
        return real(path, flags, mode);                                                     \
    }
OPEN(open)
OPEN(open64)

int clock_gettime(clockid_t clock, struct timespec *now) {
    REAL(clock_gettime);
    int result = real(clock, now);
    if (control != NULL && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
        now->tv_sec += __atomic_load_n(&control->offset_seconds, __ATOMIC_SEQ_CST);
    return result;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    REAL(gettimeofday);
    int result = real(now, zone);
    if (control != NULL)
        now->tv_sec += __atomic_load_n(&control->offset_seconds, __ATOMIC_SEQ_CST);
    return result;
}
time_t time(time_t *out) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (out != NULL) *out = now.tv_sec;
    return now.tv_sec;
}
