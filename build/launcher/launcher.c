/* The front of the one-file program: finds its own archive, unpacks it once into the cache folder, and becomes it.
 *
 *   program = this launcher | parts, each from a page boundary on | table of contents | footer (edge/embedded/table.py)
 *
 * The first part is the archive (build/archive.py): zstd frames with checksums, the first of which is a list: "frame
 * COMPRESSED-SIZE" for each of the others, and under it "MODE SIZE SHA-256 NAME" for each of the files in it.
 *
 * A folder appears under its final name only when all is in it. Every start compares the sizes of its files with the
 * list: a loss of power leaves files short, since Linux' own file systems write the bytes of a file before its size.
 * Whoever runs from a folder holds a shared lock on it; a newer version removes old ones that nobody holds.
 *
 * If a folder edge-data lies beside the program, all that is written goes there: the program on a stick is portable.
 */
#define _GNU_SOURCE
#include "launcher.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#define FOLDER "program-"
#define UNFINISHED ".unfinished-"
#define PORTABLE "edge-data"
#define STORAGE_FAILED 8 /* as edge.errors.StorageError */
#define DAY ((time_t)86400)

static const char OWN[] = "Set EDGE_CACHE to a folder of your own that nobody else can write to (chmod go-w).";
static const char ELSEWHERE[] = "Set EDGE_CACHE to a folder on another disk: it must be writable, and programs must be"
                                " allowed to run there.";

void stop(const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nhint: %s\n", hint);
    va_end(arguments);
    exit(STORAGE_FAILED);
}

void *allocate(size_t size)
{
    void *memory = malloc(size ? size : 1);
    if (!memory) stop("Close other programs.", "There is not enough memory to start.");
    return memory;
}

static char *join(const char *folder, const char *name)
{
    size_t size = strlen(folder) + strlen(name) + 2;
    char *path = allocate(size);
    snprintf(path, size, "%s/%s", folder, name);
    return path;
}

/* --- where things are kept --------------------------------------------------------------------------------------- */

static struct stat beside; /* the folder of the program, where the cache is in edge-data; else zeros */

/* Nothing is run that others can change, but for those who can replace the program itself, which was started just now.
 * So a stick may be mounted with mode 777 for all (NTFS, exFAT) or belong to whom it was mounted for, while a folder
 * open to all beside a program that is not is refused. */
static void check_owner(const char *folder)
{
    struct stat found;
    if (stat(folder, &found)) stop(ELSEWHERE, "%s cannot be used: %s.", folder, strerror(errno));
    mode_t trusted = (beside.st_mode & S_ISVTX) ? 0 : (beside.st_mode & (S_IWGRP | S_IWOTH));
    if (found.st_gid != beside.st_gid && !(trusted & S_IWOTH)) trusted = 0;
    int ours = found.st_uid == geteuid() || found.st_uid == 0 || (beside.st_mode && found.st_uid == beside.st_uid);
    if (!ours || (found.st_mode & (S_IWGRP | S_IWOTH) & ~trusted))
        stop(OWN, "%s can be changed by others, so nothing is run from it.", folder);
}

static int is_set(const char *name)
{
    const char *value = getenv(name);
    return value && *value;
}

/* Keep everything in edge-data, if that lies beside the program. What is set already stays. */
static void be_portable(const char *self)
{
    char *folder = strdup(self), *slash = folder ? strrchr(folder, '/') : NULL;
    struct stat found;
    if (!slash) return;
    slash[slash == folder] = 0;
    char *data = join(folder, PORTABLE);
    if (stat(data, &found) || !S_ISDIR(found.st_mode) || stat(folder, &beside)) return;
    check_owner(data);
    char *cache = join(data, "program"), *scratch = join(data, "tmp");
    mkdir(scratch, 0700); /* where it cannot be made, nothing can be unpacked either, and that is told */
    if (is_set("EDGE_CACHE") && strcmp(getenv("EDGE_CACHE"), cache)) beside = (struct stat){0}; /* the usual rules there */
    setenv("EDGE_HOME", data, !is_set("EDGE_HOME"));
    setenv("EDGE_CACHE", cache, !is_set("EDGE_CACHE"));
    setenv("TMPDIR", scratch, !is_set("TMPDIR"));
    setenv("EDGE_BESIDE", folder, !is_set("EDGE_BESIDE"));
}

static char *cache_folder(void)
{
    const char *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (is_set("EDGE_CACHE")) return strdup(getenv("EDGE_CACHE"));
    if (xdg && *xdg == '/') return join(xdg, "edge");
    if (home && *home == '/') return join(home, ".cache/edge");
    stop("Set HOME, or EDGE_CACHE to a folder that can be written.", "There is no home folder to unpack the program to.");
}

static void make_folders(char *path, mode_t mode)
{
    for (char *at = path + 1;; at++) {
        if (*at && *at != '/') continue;
        char was = *at;
        *at = 0;
        if (mkdir(path, mode) && errno != EEXIST && errno != EISDIR)
            stop(ELSEWHERE, "The program cannot be unpacked: %s cannot be made: %s.", path, strerror(errno));
        *at = was;
        if (!was) return;
    }
}

static void check_names(const char *folder, const struct archive *archive)
{
    size_t longest = 0;
    for (size_t i = 0; i < archive->count; i++) {
        size_t length = strlen(archive->entries[i].name);
        if (length > longest) longest = length;
    }
    if (strlen(folder) + 1 + longest >= PATH_MAX)
        stop("Set EDGE_CACHE to a folder with a shorter path.", "The path of the cache folder is too long.");
}

static void check_executable(const char *folder)
{
    struct statvfs system;
    if (!statvfs(folder, &system) && system.f_flag & ST_NOEXEC)
        stop(ELSEWHERE, "No program can be run from %s: it is on a file system mounted noexec.", folder);
}

/* --- the folders in it ------------------------------------------------------------------------------------------- */

static int has(int folder, const char *name, uint64_t size)
{
    struct stat found;
    return !fstatat(folder, name, &found, AT_SYMLINK_NOFOLLOW) && S_ISREG(found.st_mode) &&
           (uint64_t)found.st_size == size;
}

/* Whether every file is there with its size. */
static int is_whole(const char *folder, const struct archive *archive)
{
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), whole = at >= 0;
    for (size_t i = 0; whole && i < archive->count; i++) {
        const struct entry *entry = &archive->entries[i];
        whole = has(at, entry->name, entry->size) ||
                (!strcmp(entry->name, PROGRAM_NAME) && has(at, PROGRAM_NAME_ON_FAT, entry->size));
    }
    if (at >= 0) close(at);
    return whole;
}

/* Remove a folder and all in it; what cannot be removed stays. */
static void delete_all(int parent, const char *name)
{
    if (!unlinkat(parent, name, 0)) return;
    int folder = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *list = folder < 0 ? NULL : fdopendir(folder);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..")) delete_all(folder, entry->d_name);
    closedir(list);
    unlinkat(parent, name, AT_REMOVEDIR);
}

/* Remove a version, unless somebody runs it or did so after a time. */
static void delete_version(int cache, const char *name, time_t since)
{
    char renamed[64];
    struct stat found;
    int folder = openat(cache, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) return;
    snprintf(renamed, sizeof renamed, UNFINISHED "%.32s", name); /* renamed, it looks complete to nobody */
    if (!fstat(folder, &found) && found.st_mtime < since && !flock(folder, LOCK_EX | LOCK_NB) &&
        !renameat(cache, name, cache, renamed))
        delete_all(cache, renamed);
    close(folder);
}

/* Remove what an interrupted start left, and versions not used since. Called with the cache locked. */
static void sweep(const char *cache, const char *kept, time_t since)
{
    DIR *list = opendir(cache);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        const char *name = entry->d_name;
        if (!strncmp(name, UNFINISHED, strlen(UNFINISHED))) delete_all(dirfd(list), name);
        if (!strncmp(name, FOLDER, strlen(FOLDER)) && strcmp(name, kept)) delete_version(dirfd(list), name, since);
    }
    closedir(list);
}

/* --- unpacking --------------------------------------------------------------------------------------------------- */

/* Unpack into a new folder of the cache, and give it its name. 0, or why not, with nothing left. */
static int unpack_as(int cache, const char *path, const char *name, const struct archive *archive)
{
    char *unfinished = join(path, UNFINISHED "XXXXXX");
    if (!mkdtemp(unfinished)) return errno;
    int folder = open(unfinished, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failure = folder < 0 ? errno : unpack(folder, archive);
    /* Sticks are pulled out, and their file systems may write a size before the bytes. Elsewhere it would cost a start
     * on a slow disk seconds, and is_whole finds what was lost. */
    if (!failure && beside.st_mode && syncfs(folder)) failure = errno;
    if (folder >= 0) close(folder);
    delete_all(cache, name); /* not whole */
    const char *made = strrchr(unfinished, '/') + 1;
    if (!failure && renameat(cache, made, cache, name)) failure = errno;
    if (failure) delete_all(cache, made);
    free(unfinished);
    return failure;
}

static noreturn void stop_unpacked(const char *cache, int failure, uint64_t size)
{
    if (failure == DAMAGED) stop(COPY_AGAIN, "The program cannot be unpacked: its archive is damaged.");
    if (failure == UNREADABLE) stop(COPY_AGAIN, "The program cannot be unpacked: its file cannot be read.");
    if (failure == ENOMEM) stop("Close other programs.", "The program cannot be unpacked: there is not enough memory.");
    stop(ELSEWHERE, "The program cannot be unpacked into %s, where it takes %u MB: %s.", cache,
         (unsigned)(size / 1000000 + 1), strerror(failure));
}

static void tell(int number)
{
    static const char text[] = "Unpacking the program, once for each version ...\n";
    if (number == SIGALRM && write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
}

/* Tell a person why nothing happens, after a second. */
static void tell_later(void)
{
    struct sigaction action = {.sa_handler = tell, .sa_flags = SA_RESTART};
    sigaction(SIGXFSZ, &action, NULL); /* a limit to the size of files is an error of write then, and no end */
    if (!isatty(STDERR_FILENO)) return;
    sigaction(SIGALRM, &action, NULL);
    alarm(1);
}

static void unpack_once(char *cache, const char *name, const char *folder, const struct archive *archive)
{
    make_folders(cache, 0700);
    check_owner(cache);
    check_executable(cache);
    int parent = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int lock = openat(parent, ".lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (lock < 0) stop(ELSEWHERE, "The program cannot be unpacked: %s cannot be written: %s.", cache, strerror(errno));
    tell_later();
    while (flock(lock, LOCK_EX) && errno == EINTR) {}
    if (!is_whole(folder, archive)) {
        sweep(cache, name, time(NULL) - 7 * DAY); /* two versions in turn are not unpacked again and again */
        int failure = unpack_as(parent, cache, name, archive);
        if (failure == ENOSPC || failure == EDQUOT) {
            sweep(cache, name, INT64_MAX);
            failure = unpack_as(parent, cache, name, archive);
        }
        if (failure) stop_unpacked(cache, failure, archive->unpacked);
    }
    alarm(0);
    close(lock);
    close(parent);
}

/* Lock the folder against a sweep, until this process and what it becomes have ended. 0: it is not there, or not whole. */
static int hold(const char *folder, const struct archive *archive)
{
    struct stat found;
    int held = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (held < 0) return 0;
    flock(held, LOCK_SH | LOCK_NB); /* where it cannot be had, it is being removed, or there are no locks */
    if (is_whole(folder, archive)) {
        if (!fstat(held, &found) && time(NULL) - found.st_mtime > DAY) futimens(held, NULL); /* used: see sweep */
        return 1;
    }
    close(held);
    return 0;
}

/* --- the whole --------------------------------------------------------------------------------------------------- */

/* NumPy is compiled for x86-64-v2, and would say so in words for programmers. */
static void check_processor(void)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("ssse3") && __builtin_cpu_supports("sse4.2") && __builtin_cpu_supports("popcnt")) return;
    fputs("error: This processor is too old for edge: it lacks SSE4.2, which came in 2008.\n"
          "hint: Use a newer machine.\n", stderr);
    exit(1);
#endif
}

/* Files opened later must not get the numbers of standard streams that are closed. */
static void open_streams(void)
{
    int file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO) file = open("/dev/null", O_RDWR);
    if (file >= 0) close(file);
}

static int open_self(char *path, size_t room, struct stat *status)
{
    struct stat named;
    ssize_t length = readlink("/proc/self/exe", path, room - 1);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (length < 0 || file < 0 || fstat(file, status))
        stop("Mount /proc, and let the file be read.", "The program cannot read itself: %s.", strerror(errno));
    path[length] = 0;
    if (stat(path, &named) || named.st_size != status->st_size) /* inodes differ on overlays of older kernels */
        stop("Start it again.", "The program's file was replaced while it started.");
    return file;
}

int main(int count, char **arguments)
{
    (void)count;
    char self[PATH_MAX];
    struct stat status;
    open_streams();
    check_processor();
    int file = open_self(self, sizeof self, &status);
    struct archive archive = open_archive(file, (uint64_t)status.st_size);
    be_portable(self);
    char *cache = cache_folder(), name[sizeof FOLDER + sizeof archive.id];
    snprintf(name, sizeof name, FOLDER "%s", archive.id);
    char *folder = join(cache, name);
    check_names(folder, &archive);
    for (int attempt = 0; !hold(folder, &archive); attempt++) {
        if (attempt == 3) stop(ELSEWHERE, "%s is removed as soon as it is made.", folder);
        unpack_once(cache, name, folder, &archive);
    }
    check_owner(cache);
    check_owner(folder);
    setenv("EDGE_EXECUTABLE", self, 1);
    execv(join(folder, PROGRAM_NAME), arguments);
    if (errno == ENOENT) execv(join(folder, PROGRAM_NAME_ON_FAT), arguments);
    int failure = errno;
    check_executable(folder);
    stop(ELSEWHERE, "%s cannot be run: %s.", folder, strerror(failure));
}
