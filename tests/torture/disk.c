/* A disk that keeps a record, fails or cuts the power, between a program and its C library (LD_PRELOAD).
 *
 * Counts every call that changes something under one folder, whoever makes it: Python or SQLite. Reading is let through.
 * `disk_watch` begins; the call that `disk_strike` names fails, or never returns. tests/torture/disk.py reads the record.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))real(#name))
#define TAKES_NO_SPACE 1

struct entry { int64_t kind, inode, offset, first, second, data; }; /* the last three are lengths of what follows */

static char root[PATH_MAX];
static int record = -1, error, for_good;
static long calls, at = -1;

void disk_watch(const char *folder, int descriptor)
{
    strcpy(root, folder);
    record = descriptor;
}

/* The call of this number (from 0) fails with this error, all later ones too if `lasting`; error 0 is SIGKILL. */
void disk_strike(long number, int code, int lasting)
{
    at = number, error = code, for_good = lasting;
}

long disk_calls(void)
{
    return calls;
}

static void *real(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (!found)
        abort();
    return found;
}

static int struck(int takes_no_space)
{
    long number = __atomic_fetch_add(&calls, 1, __ATOMIC_SEQ_CST);
    if (at < 0 || number < at || (number > at && !for_good))
        return 0;
    if (!error)
        kill(getpid(), SIGKILL);
    if (error == ENOSPC && takes_no_space)
        return 0;
    errno = error;
    return 1;
}

static int inside(const char *path)
{
    size_t length = strlen(root);
    return length && !strncmp(path, root, length) && (path[length] == '/' || !path[length]);
}

static int open_inside(int descriptor, char *path)
{
    char link[64];
    if (!*root)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return inside(path);
}

static int path_inside(int folder, const char *name, char *path)
{
    char above[PATH_MAX] = "";
    if (!*root)
        return 0;
    if (*name == '/')
        return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && inside(path);
    if (folder == AT_FDCWD ? !getcwd(above, sizeof above) : !open_inside(folder, above))
        return 0;
    return snprintf(path, PATH_MAX, "%s/%s", above, name) < PATH_MAX && inside(path);
}

static void note(char kind, int64_t inode, int64_t offset, const char *first, const char *second, const void *data, size_t size)
{
    int saved = errno;
    struct entry entry = {kind, inode, offset, (int64_t)strlen(first), (int64_t)strlen(second), data ? (int64_t)size : 0};
    struct iovec parts[] = {{&entry, sizeof entry}, {(void *)first, entry.first}, {(void *)second, entry.second}, {(void *)data, entry.data}};
    if (record >= 0 && REAL(writev)(record, parts, 4) < (ssize_t)sizeof entry)
        abort();
    errno = saved;
}

static int64_t inode_at(const char *path)
{
    struct stat status;
    return lstat(path, &status) ? 0 : (int64_t)status.st_ino;
}

static int64_t inode_of(int descriptor)
{
    struct stat status;
    return fstat(descriptor, &status) ? 0 : (int64_t)status.st_ino;
}

static int opening(int folder, const char *name, int flags, mode_t mode)
{
    char path[PATH_MAX];
    int known = path_inside(folder, name, path);
    int absent = known && (flags & O_CREAT) && !inode_at(path), cut = known && (flags & O_TRUNC) && !absent;
    if ((absent || cut) && struck(0))
        return -1;
    int descriptor = REAL(openat)(folder, name, flags, mode);
    if (descriptor >= 0 && (absent || cut))
        note(absent ? 'c' : 't', inode_of(descriptor), 0, path, "", NULL, 0);
    return descriptor;
}

#define MODE(flags) va_list rest; va_start(rest, flags); mode_t mode = (flags) & O_CREAT ? va_arg(rest, mode_t) : 0; va_end(rest)

int open(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE(flags); return opening(AT_FDCWD, path, flags, mode); }
int openat(int folder, const char *path, int flags, ...) { MODE(flags); return opening(folder, path, flags, mode); }
int openat64(int folder, const char *path, int flags, ...) { MODE(flags); return opening(folder, path, flags, mode); }

static ssize_t writing(int descriptor, const void *data, size_t size, off_t offset)
{
    char path[PATH_MAX];
    if (!open_inside(descriptor, path))
        return offset < 0 ? REAL(write)(descriptor, data, size) : REAL(pwrite)(descriptor, data, size, offset);
    if (struck(0))
        return -1;
    int append = offset < 0 && fcntl(descriptor, F_GETFL) & O_APPEND;
    off_t start = offset >= 0 ? offset : lseek(descriptor, 0, append ? SEEK_END : SEEK_CUR);
    ssize_t written = offset < 0 ? REAL(write)(descriptor, data, size) : REAL(pwrite)(descriptor, data, size, offset);
    if (written > 0)
        note('w', inode_of(descriptor), start, path, "", data, (size_t)written);
    return written;
}

ssize_t write(int descriptor, const void *data, size_t size) { return writing(descriptor, data, size, -1); }
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) { return writing(descriptor, data, size, at); }
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) { return writing(descriptor, data, size, at); }

static int cutting(int descriptor, off_t length)
{
    char path[PATH_MAX];
    int known = open_inside(descriptor, path);
    if (known && struck(TAKES_NO_SPACE))
        return -1;
    int failed = REAL(ftruncate)(descriptor, length);
    if (known && !failed)
        note('t', inode_of(descriptor), length, path, "", NULL, 0);
    return failed;
}

int ftruncate(int descriptor, off_t length) { return cutting(descriptor, length); }
int ftruncate64(int descriptor, off64_t length) { return cutting(descriptor, length); }

static int syncing(int descriptor, int (*sync)(int))
{
    char path[PATH_MAX];
    int known = open_inside(descriptor, path);
    if (known && struck(0))
        return -1;
    int failed = sync(descriptor);
    if (known && !failed)
        note('s', inode_of(descriptor), 0, path, "", NULL, 0);
    return failed;
}

int fsync(int descriptor) { return syncing(descriptor, REAL(fsync)); }
int fdatasync(int descriptor) { return syncing(descriptor, REAL(fdatasync)); }

static int renaming(int from, const char *old, int to, const char *new)
{
    char before[PATH_MAX], after[PATH_MAX];
    int left = path_inside(from, old, before), came = path_inside(to, new, after);
    if (left != came)
        abort(); /* nothing here moves in or out of the folder that is watched */
    if (came && struck(0))
        return -1;
    int failed = REAL(renameat)(from, old, to, new);
    if (came && !failed)
        note('r', inode_at(after), 0, before, after, NULL, 0);
    return failed;
}

int rename(const char *old, const char *new) { return renaming(AT_FDCWD, old, AT_FDCWD, new); }
int renameat(int from, const char *old, int to, const char *new) { return renaming(from, old, to, new); }

static int removing(int folder, const char *name, int flags)
{
    char path[PATH_MAX];
    int known = path_inside(folder, name, path);
    if (known && struck(TAKES_NO_SPACE))
        return -1;
    int failed = REAL(unlinkat)(folder, name, flags);
    if (known && !failed)
        note('u', 0, 0, path, "", NULL, 0);
    return failed;
}

int unlink(const char *path) { return removing(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return removing(AT_FDCWD, path, AT_REMOVEDIR); }
int unlinkat(int folder, const char *path, int flags) { return removing(folder, path, flags); }

int mkdirat(int folder, const char *name, mode_t mode)
{
    char path[PATH_MAX];
    int known = path_inside(folder, name, path);
    if (known && struck(0))
        return -1;
    int failed = REAL(mkdirat)(folder, name, mode);
    if (known && !failed)
        note('d', inode_at(path), 0, path, "", NULL, 0);
    return failed;
}

int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }

int symlinkat(const char *target, int folder, const char *name)
{
    char path[PATH_MAX];
    int known = path_inside(folder, name, path);
    if (known && struck(0))
        return -1;
    int failed = REAL(symlinkat)(target, folder, name);
    if (known && !failed)
        note('l', inode_at(path), 0, path, target, NULL, 0);
    return failed;
}

int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

/* Sharing the blocks of another file leaves no record: no file system here can do that. */
int ioctl(int descriptor, unsigned long request, ...)
{
    char path[PATH_MAX];
    va_list rest;
    va_start(rest, request);
    void *argument = va_arg(rest, void *);
    va_end(rest);
    if (request == FICLONE && open_inside(descriptor, path)) {
        errno = EOPNOTSUPP;
        return -1;
    }
    return REAL(ioctl)(descriptor, request, argument);
}

/* What nothing of ours does today. Were it to begin, the record would have a hole: better to stop. */

static void unknown(int descriptor)
{
    char path[PATH_MAX];
    if (open_inside(descriptor, path))
        abort();
}

ssize_t sendfile64(int to, int from, off64_t *offset, size_t size)
{
    unknown(to);
    return ((ssize_t (*)(int, int, off64_t *, size_t))real("sendfile64"))(to, from, offset, size);
}

ssize_t copy_file_range(int from, off64_t *read, int to, off64_t *written, size_t size, unsigned flags)
{
    unknown(to);
    return REAL(copy_file_range)(from, read, to, written, size, flags);
}

ssize_t writev(int descriptor, const struct iovec *parts, int count)
{
    unknown(descriptor);
    return REAL(writev)(descriptor, parts, count);
}
