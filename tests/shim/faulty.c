/* A disk that fails and forgets, below a program that was not built for it: LD_PRELOAD over the calls that write.
 *
 * FAULTY_DIR      the folder whose files it is about (absolute, no links in it)
 * FAULTY_CONTROL  a file of 64 bytes that the test writes while the program runs:
 *                 0 sync: 1 EIO, 2 hangs | 1 write: 1 EIO after a torn half, 2 ENOSPC | 2 files: bit 0 of the journal, bit 1 others
 *                 3 not zero: a sync says it is done and does nothing
 *                 4 u32, calls that still go well | 8 u32, calls that failed (written here)
 * FAULTY_UNDO     a folder on the same file system: `log` says what a power cut could take back, see below
 *
 * The log, native order, each record 8-byte aligned: u32 kind, u32 bytes of what follows the head, u64 inode, u64 a, u64 b, then
 * that. A record is there before what it tells of is done.
 *   1 write      a offset, b length; the bytes that stood there, none where they were zeros or beyond the end
 *   2 synced     a number of the log's bytes when the sync began, b length of the file then
 *   3 length     a old length (what was cut is told by writes before it)
 *   4 name       a 1 made, 2 renamed, 3 removed, 4 folder made; two paths, each with a zero behind it; b number of the link that
 *                keeps what was replaced or removed, 0 none; inode is that of the folder
 *   5 seen       a length of a file seen for the first time
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define FDS 65536
#define SEEN 4096
enum { UNKNOWN, OTHER, REST, JOURNAL };

static unsigned char of_fd[FDS];
static ino_t seen[SEEN];
static int seen_count;
static char dir[PATH_MAX], undo[PATH_MAX];
static size_t dir_bytes;
static volatile unsigned char *control;
static int log_fd = -1;
static uint64_t log_bytes, links;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name) ({ static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name); real; })

__attribute__((constructor)) static void begin(void) {
    const char *folder = getenv("FAULTY_DIR"), *file = getenv("FAULTY_CONTROL"), *keep = getenv("FAULTY_UNDO");
    if (!folder) return;
    dir_bytes = (size_t)snprintf(dir, sizeof dir, "%s", folder);
    if (file) {
        int fd = REAL(open)(file, O_RDWR | O_CLOEXEC);
        void *mapped = fd < 0 ? MAP_FAILED : mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED) _exit(99);
        control = mapped;
    }
    if (keep) {
        char path[PATH_MAX + 8];
        snprintf(undo, sizeof undo, "%s", keep);
        snprintf(path, sizeof path, "%s/log", keep);
        int fd = REAL(open)(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        /* Out of the way of the program, which may close all it does not know. */
        log_fd = fcntl(fd, F_DUPFD_CLOEXEC, 900);
        if (log_fd < 0) _exit(99);
        REAL(close)(fd);
    }
}

static int within(const char *path) {
    return dir_bytes && !strncmp(path, dir, dir_bytes) && (path[dir_bytes] == '/' || !path[dir_bytes]);
}

/* What a descriptor is of. */
static int kind(int fd) {
    if (!dir_bytes || fd < 0 || fd >= FDS || fd == log_fd) return OTHER;
    if (of_fd[fd] == UNKNOWN) {
        char link[64], path[PATH_MAX];
        struct stat meta;
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t bytes = readlink(link, path, sizeof path - 1);
        int known = OTHER;
        if (bytes > 0 && !fstat(fd, &meta) && (S_ISREG(meta.st_mode) || S_ISDIR(meta.st_mode))) {
            path[bytes] = 0;
            if (within(path)) known = strstr(path + dir_bytes, "/journal") ? JOURNAL : REST;
        }
        of_fd[fd] = (unsigned char)known;
    }
    return of_fd[fd];
}

/* Whether this call is to fail now. */
static int strikes(int at, int kind) {
    if (!control || !control[at] || !(control[2] & (kind == JOURNAL ? 1 : 2))) return 0;
    uint32_t *left = (uint32_t *)(control + 4), now = __atomic_load_n(left, __ATOMIC_SEQ_CST);
    while (now && !__atomic_compare_exchange_n(left, &now, now - 1, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {}
    if (now) return 0;
    __atomic_add_fetch((uint32_t *)(control + 8), 1, __ATOMIC_SEQ_CST);
    return control[at];
}

static void put(uint32_t kind, uint64_t inode, uint64_t a, uint64_t b, const void *bytes, uint32_t count) {
    static const char zeros[8];
    struct { uint32_t kind, count; uint64_t inode, a, b; } head = { kind, count, inode, a, b };
    struct iovec parts[3] = { { &head, sizeof head }, { (void *)bytes, count }, { (void *)zeros, (8 - count % 8) % 8 } };
    ssize_t all = (ssize_t)(sizeof head + count + parts[2].iov_len);
    if (REAL(writev)(log_fd, parts, 3) != all) _exit(98);
    log_bytes += (uint64_t)all;
}

/* A file is kept open from when it is first seen, so that no other gets its inode. */
static void see(int fd, const struct stat *meta) {
    for (int at = 0; at < seen_count; at++)
        if (seen[at] == meta->st_ino) return;
    if (seen_count == SEEN || fcntl(fd, F_DUPFD_CLOEXEC, 901) < 0) _exit(97);
    seen[seen_count++] = meta->st_ino;
    put(5, meta->st_ino, (uint64_t)meta->st_size, 0, NULL, 0);
}

/* Tells what stands in a range that is about to be written or cut. */
static void keep(int fd, uint64_t at, uint64_t bytes) {
    struct stat meta;
    if (fstat(fd, &meta) || !S_ISREG(meta.st_mode)) return;
    see(fd, &meta);
    static unsigned char before[1 << 16];
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    /* The descriptor may be open for writing only. */
    int reader = REAL(open)(path, O_RDONLY | O_CLOEXEC);
    while (bytes) {
        uint32_t step = bytes < sizeof before ? (uint32_t)bytes : (uint32_t)sizeof before;
        memset(before, 0, step);
        if (reader < 0 || pread(reader, before, step, (off_t)at) < 0) _exit(96);
        uint32_t used = 0;
        while (used < step && !before[used]) used++;
        put(1, meta.st_ino, at, step, before, used == step ? 0 : step);
        at += step;
        bytes -= step;
    }
    REAL(close)(reader);
}

static void enter(void) { pthread_mutex_lock(&lock); }
static void leave(void) { int was = errno; pthread_mutex_unlock(&lock); errno = was; }

/* 0: go on. Else the call has failed, after `torn` bytes. */
static int fails_write(int fd, size_t count, size_t *torn) {
    int known = kind(fd);
    *torn = 0;
    if (known < REST) return 0;
    int fault = strikes(1, known);
    if (fault == 1) *torn = count / 2;
    errno = fault == 2 ? ENOSPC : EIO;
    return fault;
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) {
    size_t torn;
    int fault = fails_write(fd, count, &torn);
    if (fault && !torn) return -1;
    if (fault) count = torn;
    int tells = kind(fd) >= REST && log_fd >= 0;
    if (tells) enter();
    if (tells) keep(fd, (uint64_t)at, count);
    ssize_t done = REAL(pwrite64)(fd, bytes, count, at);
    if (tells) leave();
    if (!fault) return done;
    errno = EIO;
    return -1;
}
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { return pwrite64(fd, bytes, count, at); }

static uint64_t position(int fd) {
    struct stat meta;
    if (fcntl(fd, F_GETFL) & O_APPEND) return fstat(fd, &meta) ? 0 : (uint64_t)meta.st_size;
    off_t at = lseek(fd, 0, SEEK_CUR);
    return at < 0 ? 0 : (uint64_t)at;
}

ssize_t write(int fd, const void *bytes, size_t count) {
    size_t torn;
    int fault = fails_write(fd, count, &torn);
    if (fault) {
        if (torn) (void)!REAL(write)(fd, bytes, torn);
        errno = fault == 2 ? ENOSPC : EIO;
        return -1;
    }
    if (kind(fd) < REST || log_fd < 0) return REAL(write)(fd, bytes, count);
    enter();
    keep(fd, position(fd), count);
    ssize_t done = REAL(write)(fd, bytes, count);
    leave();
    return done;
}

ssize_t writev(int fd, const struct iovec *parts, int count) {
    size_t torn, all = 0;
    for (int at = 0; at < count; at++) all += parts[at].iov_len;
    int fault = fails_write(fd, all, &torn);
    if (fault) return -1;
    if (kind(fd) < REST || log_fd < 0) return REAL(writev)(fd, parts, count);
    enter();
    keep(fd, position(fd), all);
    ssize_t done = REAL(writev)(fd, parts, count);
    leave();
    return done;
}

ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t at) {
    size_t torn, all = 0;
    for (int nth = 0; nth < count; nth++) all += parts[nth].iov_len;
    int fault = fails_write(fd, all, &torn);
    int tells = kind(fd) >= REST && log_fd >= 0;
    if (fault && !torn) return -1;
    if (tells) enter();
    if (tells) keep(fd, (uint64_t)at, all);
    ssize_t done = 0;
    if (!fault) done = REAL(pwritev64)(fd, parts, count, at);
    for (int nth = 0; fault && nth < count && torn; nth++) {
        size_t some = parts[nth].iov_len < torn ? parts[nth].iov_len : torn;
        (void)!REAL(pwrite64)(fd, parts[nth].iov_base, some, at);
        at += (off64_t)some;
        torn -= some;
    }
    if (tells) leave();
    if (!fault) return done;
    errno = EIO;
    return -1;
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t at) { return pwritev64(fd, parts, count, at); }

/* What lengthens a file is forgotten with it: no record but that it was seen. */
int fallocate64(int fd, int mode, off64_t at, off64_t bytes) {
    struct stat meta;
    size_t torn;
    if (kind(fd) >= REST && control && control[1] == 2 && fails_write(fd, 0, &torn)) return -1;
    if (kind(fd) >= REST && log_fd >= 0 && !fstat(fd, &meta)) {
        enter();
        see(fd, &meta);
        leave();
    }
    return REAL(fallocate64)(fd, mode, at, bytes);
}
int fallocate(int fd, int mode, off_t at, off_t bytes) { return fallocate64(fd, mode, at, bytes); }

static int synced(int fd, int (*real)(int)) {
    int known = kind(fd);
    if (known < REST) return real(fd);
    int fault = strikes(0, known);
    while (fault == 2 && control[0] == 2) usleep(5000);
    if (fault == 1) { errno = EIO; return -1; }
    struct stat meta;
    if (log_fd < 0 || fstat(fd, &meta)) return real(fd);
    enter();
    uint64_t began = log_bytes;
    leave();
    int done = real(fd);
    enter();
    if (!done && !(control && control[3])) put(2, meta.st_ino, began, (uint64_t)meta.st_size, NULL, 0);
    leave();
    return done;
}
int fsync(int fd) { return synced(fd, REAL(fsync)); }
int fdatasync(int fd) { return synced(fd, REAL(fdatasync)); }

int ftruncate64(int fd, off64_t length) {
    struct stat meta;
    if (kind(fd) < REST || log_fd < 0 || fstat(fd, &meta)) return REAL(ftruncate64)(fd, length);
    enter();
    if (length < meta.st_size) keep(fd, (uint64_t)length, (uint64_t)(meta.st_size - length));
    see(fd, &meta);
    put(3, meta.st_ino, (uint64_t)meta.st_size, (uint64_t)length, NULL, 0);
    int done = REAL(ftruncate64)(fd, length);
    leave();
    return done;
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }

/* The path with its folder resolved, and the folder's inode; 0 where it is none of ours. */
static ino_t place(int at, const char *path, char *whole) {
    char folder[PATH_MAX], resolved[PATH_MAX];
    struct stat meta;
    if (!dir_bytes || (at != AT_FDCWD && path[0] != '/')) return 0;
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    const char *name = slash ? path + (slash - folder) + 1 : path;
    if (slash == folder) slash[1] = 0;
    else if (slash) *slash = 0;
    if (!realpath(slash ? folder : ".", resolved) || !within(resolved) || stat(resolved, &meta)) return 0;
    return (size_t)snprintf(whole, PATH_MAX, "%s/%s", resolved, name) < PATH_MAX ? meta.st_ino : 0;
}

static void named(int what, ino_t folder, const char *from, const char *to, uint64_t link) {
    char both[2 * PATH_MAX];
    size_t first = strlen(from) + 1, second = strlen(to) + 1;
    memcpy(both, from, first);
    memcpy(both + first, to, second);
    put(4, folder, (uint64_t)what, link, both, (uint32_t)(first + second));
}

/* Keeps what a name stands for, which is about to lose it. */
static uint64_t kept(const char *path) {
    char link_path[PATH_MAX + 32];
    struct stat meta;
    if (lstat(path, &meta) || !S_ISREG(meta.st_mode)) return 0;
    snprintf(link_path, sizeof link_path, "%s/%llu", undo, (unsigned long long)++links);
    return link(path, link_path) ? 0 : links;
}

static int renamed(int from_at, const char *from, int to_at, const char *to) {
    char old[PATH_MAX], new[PATH_MAX];
    ino_t folder = log_fd < 0 ? 0 : place(to_at, to, new);
    if (!folder || !place(from_at, from, old)) return REAL(renameat)(from_at, from, to_at, to);
    enter();
    named(2, folder, old, new, kept(new));
    int done = REAL(renameat)(from_at, from, to_at, to);
    leave();
    return done;
}
int rename(const char *from, const char *to) { return renamed(AT_FDCWD, from, AT_FDCWD, to); }
int renameat(int from_at, const char *from, int to_at, const char *to) { return renamed(from_at, from, to_at, to); }

int unlink(const char *path) {
    char whole[PATH_MAX];
    ino_t folder = log_fd < 0 ? 0 : place(AT_FDCWD, path, whole);
    struct stat meta;
    if (!folder || lstat(whole, &meta) || !S_ISREG(meta.st_mode)) return REAL(unlink)(path);
    enter();
    named(3, folder, whole, "", kept(whole));
    int done = REAL(unlink)(path);
    leave();
    return done;
}

int mkdir(const char *path, mode_t mode) {
    char whole[PATH_MAX];
    ino_t folder = log_fd < 0 ? 0 : place(AT_FDCWD, path, whole);
    int done = REAL(mkdir)(path, mode);
    if (!folder || done) return done;
    enter();
    named(4, folder, whole, "", 0);
    leave();
    return done;
}

static int opened(int at, const char *path, int flags, mode_t mode) {
    char whole[PATH_MAX];
    ino_t folder = log_fd >= 0 && (flags & (O_CREAT | O_TRUNC)) ? place(at, path, whole) : 0;
    struct stat meta;
    int there = folder && !lstat(whole, &meta);
    if (folder && !there && (flags & O_CREAT)) {
        enter();
        named(1, folder, whole, "", 0);
        leave();
    }
    if (there && (flags & O_TRUNC) && S_ISREG(meta.st_mode)) {
        int fd = REAL(openat64)(at, path, O_RDWR | O_CLOEXEC);
        if (fd >= 0) {
            of_fd[fd] = UNKNOWN;
            ftruncate64(fd, 0);
            REAL(close)(fd);
        }
    }
    int fd = REAL(openat64)(at, path, flags, mode);
    if (fd >= 0 && fd < FDS) of_fd[fd] = UNKNOWN;
    return fd;
}
#define MODE(flags) ({ mode_t mode = 0; if (flags & (O_CREAT | __O_TMPFILE)) { va_list more; va_start(more, flags); mode = va_arg(more, mode_t); va_end(more); } mode; })
int open(const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { mode_t mode = MODE(flags); return opened(at, path, flags, mode); }

int close(int fd) {
    if (fd >= 0 && fd < FDS) of_fd[fd] = UNKNOWN;
    return REAL(close)(fd);
}
