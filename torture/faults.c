/* Stands between a process and the C library's calls that change files, for files below one directory.
 *
 * Loaded with LD_PRELOAD, it does nothing until it is told to by the functions torture_*, which Python calls through
 * ctypes: to count the calls, to end the process at the n-th one, to let calls fail, or to write down what every call did,
 * so that a loss of power can be played afterwards. Calls inside of the C library are not seen, therefore files written
 * through FILE are noted whole when they are closed.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { CREATE = 1, WRITE, TRUNCATE, SYNC, RENAME, UNLINK, MKDIR, RMDIR, MARK, WHOLE };
enum { NONE, KILL, TEAR, FAIL };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char under[PATH_MAX];
static size_t under_length;
static long calls, at, times;
static int act, error, reading;
static int trace = -1;

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)

/* --- what Python calls ------------------------------------------------------------------------------------------- */

void torture_watch(const char *directory)
{
    snprintf(under, sizeof under, "%s", directory);
    under_length = strlen(under);
    calls = reading = 0;
    act = NONE;
}

/* From call number `first` (0: the next one) on, for `count` calls (-1: for ever): what = KILL, TEAR or FAIL with `code`. */
void torture_arm(long first, long count, int what, int code)
{
    pthread_mutex_lock(&lock);
    at = calls + first;
    times = count;
    error = code;
    act = what;
    pthread_mutex_unlock(&lock);
}

/* Count and strike what reads instead of what writes. */
void torture_strike_reads(void) { reading = 1; }

/* Let calls work again; return whether one was struck. */
int torture_disarm(void)
{
    pthread_mutex_lock(&lock);
    int struck = act == FAIL && calls > at;
    act = NONE;
    pthread_mutex_unlock(&lock);
    return struck;
}

long torture_calls(void) { return calls; }

static void note(int op, const char *path, int64_t offset, const void *data, size_t length)
{
    if (trace < 0)
        return;
    struct __attribute__((packed)) { uint8_t op; uint32_t path; int64_t offset; uint32_t data; } head =
        {(uint8_t)op, (uint32_t)strlen(path), offset, (uint32_t)length};
    struct iovec parts[3] = {{&head, sizeof head}, {(void *)path, head.path}, {(void *)data, length}};
    if (writev(trace, parts, 3) != (ssize_t)(sizeof head + head.path + length))
        abort();
}

void torture_trace(const char *path)
{
    trace = open(path, O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0600);
}

void torture_mark(const char *text)
{
    pthread_mutex_lock(&lock);
    note(MARK, "", 0, text, strlen(text));
    pthread_mutex_unlock(&lock);
}

/* --- which calls concern us -------------------------------------------------------------------------------------- */

static int is_ours(const char *path)
{
    return under_length && !strncmp(path, under, under_length) && (path[under_length] == '/' || !path[under_length]);
}

static int path_of(int fd, char *path)
{
    char link[64];
    if (!under_length)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0)
        return 0;
    path[length] = 0;
    return is_ours(path) && !(length > 10 && !strcmp(path + length - 10, " (deleted)"));
}

static int path_at(int directory, const char *name, char *path)
{
    char folder[PATH_MAX];
    if (!under_length)
        return 0;
    if (name[0] == '/')
        snprintf(path, PATH_MAX, "%s", name);
    else if (directory == AT_FDCWD && getcwd(folder, sizeof folder))
        snprintf(path, PATH_MAX, "%.2000s/%.2000s", folder, name);
    else if (directory != AT_FDCWD && path_of(directory, folder))
        snprintf(path, PATH_MAX, "%.2000s/%.2000s", folder, name);
    else
        return 0;
    return is_ours(path);
}

/* Count a call, with the lock held. Return an error number if it has to fail, -1 if it is to be torn, 0 else. */
static int strike_if(int reads)
{
    if (reads != reading)
        return 0;
    long number = calls++;
    if (act == NONE || number < at || (times >= 0 && number >= at + times))
        return 0;
    if (act == FAIL)
        return error;
    if (act == TEAR)
        return -1;
    kill(getpid(), SIGKILL);
    return 0;
}

static int strike(void) { return strike_if(0); }

#define END_HERE() kill(getpid(), SIGKILL)

/* The frame of every call: counted, struck or done, then noted. */
#define CALL(type, failure, ours, path, done, ...)                                                                     \
    do {                                                                                                               \
        if (!(ours))                                                                                                   \
            return done;                                                                                               \
        pthread_mutex_lock(&lock);                                                                                     \
        int blow = strike();                                                                                           \
        if (blow) {                                                                                                    \
            if (blow < 0)                                                                                              \
                END_HERE();                                                                                            \
            pthread_mutex_unlock(&lock);                                                                               \
            errno = blow;                                                                                              \
            return failure;                                                                                            \
        }                                                                                                              \
        type result = done;                                                                                            \
        int code = errno;                                                                                              \
        if (result != failure)                                                                                         \
            __VA_ARGS__;                                                                                               \
        pthread_mutex_unlock(&lock);                                                                                   \
        errno = code;                                                                                                  \
        return result;                                                                                                 \
    } while (0)

/* --- opening ----------------------------------------------------------------------------------------------------- */

static int opened(int ours, const char *path, int flags, int (*go)(void *), void *with)
{
    struct stat status;
    int there = ours && !lstat(path, &status);
    int changes = ours && ((!there && (flags & O_CREAT)) || (there && (flags & O_TRUNC) && status.st_size));
    CALL(int, -1, changes, path, go(with), note(there ? TRUNCATE : CREATE, path, 0, "", 0));
}

struct opening { int directory; const char *name; int flags; mode_t mode; };

static int go_open(void *with)
{
    struct opening *it = with;
    REAL(int, openat64, int, const char *, int, ...);
    return real(it->directory, it->name, it->flags, it->mode);
}

static int open_any(int directory, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    int ours = (flags & (O_CREAT | O_TRUNC)) && path_at(directory, name, path);
    struct opening it = {directory, name, flags, mode};
    return opened(ours, path, flags, go_open, &it);
}

#define MODE(flags)                                                                                                    \
    mode_t mode = 0;                                                                                                   \
    if ((flags) & (O_CREAT | O_TMPFILE)) {                                                                             \
        va_list rest;                                                                                                  \
        va_start(rest, flags);                                                                                         \
        mode = va_arg(rest, mode_t);                                                                                   \
        va_end(rest);                                                                                                  \
    }

int open(const char *name, int flags, ...) { MODE(flags); return open_any(AT_FDCWD, name, flags, mode); }
int open64(const char *name, int flags, ...) { MODE(flags); return open_any(AT_FDCWD, name, flags, mode); }
int openat(int at_, const char *name, int flags, ...) { MODE(flags); return open_any(at_, name, flags, mode); }
int openat64(int at_, const char *name, int flags, ...) { MODE(flags); return open_any(at_, name, flags, mode); }

/* --- writing ----------------------------------------------------------------------------------------------------- */

static ssize_t write_at(int fd, const void *data, size_t length, off_t offset, int positioned)
{
    static ssize_t (*real_write)(int, const void *, size_t);
    static ssize_t (*real_pwrite)(int, const void *, size_t, off_t);
    char path[PATH_MAX];
    if (!real_write) {
        real_pwrite = dlsym(RTLD_NEXT, "pwrite64");
        real_write = dlsym(RTLD_NEXT, "write");
    }
    if (!path_of(fd, path))
        return positioned ? real_pwrite(fd, data, length, offset) : real_write(fd, data, length);
    pthread_mutex_lock(&lock);
    int blow = strike();
    if (blow > 0) {
        pthread_mutex_unlock(&lock);
        errno = blow;
        return -1;
    }
    if (!positioned) {
        struct stat status;
        offset = lseek(fd, 0, SEEK_CUR);
        if (fcntl(fd, F_GETFL) & O_APPEND && !fstat(fd, &status))
            offset = status.st_size;
    }
    size_t part = blow < 0 ? length / 2 : length;
    ssize_t result = positioned ? real_pwrite(fd, data, part, offset) : real_write(fd, data, part);
    if (blow < 0)
        END_HERE();
    int code = errno;
    if (result > 0)
        note(WRITE, path, offset, data, (size_t)result);
    pthread_mutex_unlock(&lock);
    errno = code;
    return result;
}

ssize_t write(int fd, const void *data, size_t length) { return write_at(fd, data, length, 0, 0); }
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return write_at(fd, data, length, offset, 1); }
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at_) { return write_at(fd, data, length, at_, 1); }

size_t fwrite(const void *data, size_t size, size_t count, FILE *stream)
{
    char path[PATH_MAX];
    REAL(size_t, fwrite, const void *, size_t, size_t, FILE *);
    CALL(size_t, 0, under_length && path_of(fileno(stream), path), path, real(data, size, count, stream), (void)0);
}

int fclose(FILE *stream)
{
    char path[PATH_MAX];
    struct stat status;
    REAL(int, fclose, FILE *);
    int fd = fileno(stream);
    if (!under_length || trace < 0 || !path_of(fd, path) || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
        return real(stream);
    fflush(stream);
    int copy = open64(path, O_RDONLY | O_CLOEXEC);
    if (copy >= 0 && !fstat(copy, &status)) {
        char *data = malloc(status.st_size + 1);
        ssize_t length = pread(copy, data, status.st_size, 0);
        pthread_mutex_lock(&lock);
        note(WHOLE, path, 0, data, length < 0 ? 0 : (size_t)length);
        pthread_mutex_unlock(&lock);
        free(data);
    }
    if (copy >= 0)
        close(copy);
    return real(stream);
}

int ftruncate(int fd, off_t size)
{
    char path[PATH_MAX];
    REAL(int, ftruncate64, int, off_t);
    CALL(int, -1, path_of(fd, path), path, real(fd, size), note(TRUNCATE, path, size, "", 0));
}

int ftruncate64(int fd, off64_t size) { return ftruncate(fd, size); }

int fsync(int fd)
{
    char path[PATH_MAX];
    REAL(int, fsync, int);
    CALL(int, -1, path_of(fd, path), path, real(fd), note(SYNC, path, 0, "", 0));
}

int fdatasync(int fd)
{
    char path[PATH_MAX];
    REAL(int, fdatasync, int);
    CALL(int, -1, path_of(fd, path), path, real(fd), note(SYNC, path, 0, "", 0));
}

/* --- reading ----------------------------------------------------------------------------------------------------- */

static int unreadable(int fd)
{
    char path[PATH_MAX];
    if (!reading || !path_of(fd, path))
        return 0;
    pthread_mutex_lock(&lock);
    int blow = strike_if(1);
    pthread_mutex_unlock(&lock);
    if (blow > 0)
        errno = blow;
    return blow > 0;
}

ssize_t read(int fd, void *data, size_t length)
{
    REAL(ssize_t, read, int, void *, size_t);
    return unreadable(fd) ? -1 : real(fd, data, length);
}

ssize_t pread(int fd, void *data, size_t length, off_t offset)
{
    REAL(ssize_t, pread64, int, void *, size_t, off_t);
    return unreadable(fd) ? -1 : real(fd, data, length, offset);
}

ssize_t pread64(int fd, void *data, size_t length, off64_t offset) { return pread(fd, data, length, offset); }

/* --- names ------------------------------------------------------------------------------------------------------- */

int renameat(int from, const char *old, int to, const char *new)
{
    char path[PATH_MAX], target[PATH_MAX];
    REAL(int, renameat, int, const char *, int, const char *);
    int ours = path_at(from, old, path) && path_at(to, new, target);
    CALL(int, -1, ours, path, real(from, old, to, new), note(RENAME, path, 0, target, strlen(target)));
}

int rename(const char *old, const char *new) { return renameat(AT_FDCWD, old, AT_FDCWD, new); }

int unlinkat(int directory, const char *name, int flags)
{
    char path[PATH_MAX];
    REAL(int, unlinkat, int, const char *, int);
    int op = flags & AT_REMOVEDIR ? RMDIR : UNLINK;
    CALL(int, -1, path_at(directory, name, path), path, real(directory, name, flags), note(op, path, 0, "", 0));
}

int unlink(const char *name) { return unlinkat(AT_FDCWD, name, 0); }
int rmdir(const char *name) { return unlinkat(AT_FDCWD, name, AT_REMOVEDIR); }

int mkdirat(int directory, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    REAL(int, mkdirat, int, const char *, mode_t);
    CALL(int, -1, path_at(directory, name, path), path, real(directory, name, mode), note(MKDIR, path, 0, "", 0));
}

int mkdir(const char *name, mode_t mode) { return mkdirat(AT_FDCWD, name, mode); }
