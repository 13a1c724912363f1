/* The front of the one-file program: finds its own archive, unpacks it once into the cache folder, and becomes it.
 *
 *   program = this launcher | parts, each from a page boundary on | table of contents | footer (edge/inside/table.py)
 *
 * The first part is the archive: a zstd frame with a list of files, "MODE SIZE SHA-256 NAME" a line, then a zstd frame
 * with their bytes one after another. Both frames carry checksums. A mode of 120777 is a symbolic link.
 *
 * A folder appears under its final name only when all is in it. Every start compares the sizes of its files with the
 * list, since a loss of power may leave files without their bytes. Whoever runs from a folder holds a shared lock on
 * it; a newer version removes the folders that nobody holds.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zstd.h"

#define FOOTER_SIZE 64
#define MAX_TABLE (1 << 20)
#define MAX_LIST (16 << 20)
#define PROGRAM "program-"
#define UNFINISHED ".unfinished-"
#define STORAGE_FAILED 8 /* as edge.errors.StorageError */
#define PAGE 65536 /* the largest of the machines it is built for */

static const char DAMAGED[] = "Copy the file again, and compare its SHA-256 with the publisher's.";
static const char ELSEWHERE[] = "Set EDGE_CACHE to a folder on another disk: it must be writable, and programs must be"
                                " allowed to run there.";

struct entry {
    unsigned mode;
    uint64_t size;
    const char *name;
};

struct archive {
    const char *data; /* what follows the list, compressed */
    size_t size;
    struct entry *entries;
    size_t count;
    char id[17]; /* names the folder */
};

static void stop(const char *hint, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("error: ", stderr);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\nhint: %s\n", hint);
    va_end(arguments);
    exit(STORAGE_FAILED);
}

static void *allocate(size_t size)
{
    void *memory = malloc(size);
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

/* --- reading the program's own file ------------------------------------------------------------------------------ */

static uint32_t crc32_of(const unsigned char *data, size_t size)
{
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320u : 0);
    }
    return ~crc;
}

static uint64_t number(const unsigned char *data, int bytes)
{
    uint64_t value = 0;
    while (bytes--) value = value << 8 | data[bytes];
    return value;
}

static void read_at(int file, void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, (char *)data + done, size - done, offset + done);
        if (got <= 0) stop(DAMAGED, "The program's file cannot be read: %s.", got ? strerror(errno) : "it is too short");
        done += got;
    }
}

/* The table of contents, as text. */
static char *read_table(int file, uint64_t length)
{
    unsigned char footer[FOOTER_SIZE];
    if (length < FOOTER_SIZE) stop(DAMAGED, "The program is cut short.");
    read_at(file, footer, FOOTER_SIZE, length - FOOTER_SIZE);
    if (memcmp(footer, "EDGEFILE", 8) || number(footer + 60, 4) != crc32_of(footer, 60))
        stop(DAMAGED, "The program is cut short, or its footer is damaged.");
    if (number(footer + 8, 4) != 1) stop(DAMAGED, "The program's launcher is older than the rest of it.");
    uint64_t offset = number(footer + 16, 8), size = number(footer + 24, 8);
    if (size > MAX_TABLE || offset > length || size > length - offset) stop(DAMAGED, "The program's footer is damaged.");
    char *table = allocate(size + 1);
    read_at(file, table, size, offset);
    table[size] = 0;
    if (number(footer + 12, 4) != crc32_of((unsigned char *)table, size))
        stop(DAMAGED, "The program's table of contents is damaged.");
    return table;
}

/* Split the list of files into entries; 0 when it makes no sense. */
static int read_list(char *list, struct archive *archive)
{
    size_t lines = 0;
    for (char *at = list; *at; at++) lines += *at == '\n';
    archive->entries = allocate((lines + 1) * sizeof(struct entry));
    archive->count = 0;
    for (char *line = list, *end; (end = strchr(line, '\n')); line = end + 1) {
        struct entry *entry = &archive->entries[archive->count++];
        int at = 0;
        *end = 0;
        if (sscanf(line, "%o %" SCNu64 " %*64[0-9a-f] %n", &entry->mode, &entry->size, &at) != 2 || !at) return 0;
        entry->name = line + at;
    }
    return archive->count > 0;
}

static struct archive open_archive(int file, uint64_t length)
{
    static const char broken[] = "The program's archive is damaged.";
    struct archive archive;
    uint64_t offset, size;
    char digest[65];
    char *table = read_table(file, length);
    if (sscanf(table, "program %" SCNu64 " %" SCNu64 " %64[0-9a-f]", &offset, &size, digest) != 3 ||
        strlen(digest) != 64 || offset % PAGE || offset > length || size > length - offset || !size)
        stop(DAMAGED, "The program's table of contents is damaged.");
    memcpy(archive.id, digest, 16);
    archive.id[16] = 0;
    const char *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, file, offset);
    if (data == MAP_FAILED) stop(DAMAGED, "The program's archive cannot be read: %s.", strerror(errno));
    size_t packed = ZSTD_findFrameCompressedSize(data, size);
    unsigned long long unpacked = ZSTD_getFrameContentSize(data, size);
    if (ZSTD_isError(packed) || unpacked > MAX_LIST) stop(DAMAGED, broken);
    char *list = allocate(unpacked + 1);
    if (ZSTD_decompress(list, unpacked, data, packed) != unpacked) stop(DAMAGED, broken);
    list[unpacked] = 0;
    archive.data = data + packed;
    archive.size = size - packed;
    if (!read_list(list, &archive)) stop(DAMAGED, broken);
    return archive;
}

/* --- the folder it is unpacked to -------------------------------------------------------------------------------- */

static char *cache_folder(void)
{
    const char *chosen = getenv("EDGE_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (chosen && *chosen) return strdup(chosen);
    if (xdg && *xdg == '/') return join(xdg, "edge");
    if (home && *home == '/') return join(home, ".cache/edge");
    stop("Set HOME, or EDGE_CACHE to a folder that can be written.", "There is no home folder to unpack the program to.");
    return NULL;
}

static void make_folders(char *path, mode_t mode)
{
    for (char *at = path + 1;; at++) {
        if (*at && *at != '/') continue;
        char was = *at;
        *at = 0;
        if (mkdir(path, mode) && errno != EEXIST)
            stop(ELSEWHERE, "The program cannot be unpacked: %s cannot be made: %s.", path, strerror(errno));
        *at = was;
        if (!was) return;
    }
}

/* Whether every file is there with its size. Links and modes are taken on trust. */
static int is_whole(const char *folder, const struct archive *archive)
{
    struct stat found;
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW), whole = at >= 0;
    for (size_t i = 0; whole && i < archive->count; i++) {
        const struct entry *entry = &archive->entries[i];
        whole = !fstatat(at, entry->name, &found, AT_SYMLINK_NOFOLLOW) && (uint64_t)found.st_size == entry->size &&
                (found.st_mode & S_IFMT) == (entry->mode & S_IFMT);
    }
    if (at >= 0) close(at);
    return whole;
}

static void check_owner(const char *folder)
{
    struct stat found;
    if (stat(folder, &found)) stop(ELSEWHERE, "%s cannot be used: %s.", folder, strerror(errno));
    if ((found.st_uid != geteuid() && found.st_uid != 0) || (found.st_mode & (S_IWGRP | S_IWOTH)))
        stop(ELSEWHERE, "%s can be changed by others, so nothing is run from it.", folder);
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

/* Remove what an interrupted start left, and the versions that nobody runs. Called with the cache locked. */
static void sweep(const char *cache, const char *kept)
{
    DIR *list = opendir(cache);
    if (!list) return;
    for (struct dirent *entry; (entry = readdir(list));) {
        char renamed[64];
        if (!strncmp(entry->d_name, UNFINISHED, strlen(UNFINISHED))) delete_all(dirfd(list), entry->d_name);
        if (strncmp(entry->d_name, PROGRAM, strlen(PROGRAM)) || !strcmp(entry->d_name, kept)) continue;
        int folder = openat(dirfd(list), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder < 0) continue;
        snprintf(renamed, sizeof renamed, UNFINISHED "%.32s", entry->d_name); /* renamed, it looks complete to nobody */
        if (!flock(folder, LOCK_EX | LOCK_NB) && !renameat(dirfd(list), entry->d_name, dirfd(list), renamed))
            delete_all(dirfd(list), renamed);
        close(folder);
    }
    closedir(list);
}

/* --- unpacking --------------------------------------------------------------------------------------------------- */

struct stream {
    ZSTD_DStream *decoder;
    ZSTD_inBuffer in;
    size_t left; /* 0 at the end of a frame whose checksum was right */
};

/* Fill a buffer with the next bytes; 0 when the archive is damaged. */
static int next_bytes(struct stream *stream, char *data, size_t size)
{
    ZSTD_outBuffer out = {data, size, 0};
    while (out.pos < size) {
        size_t before = stream->in.pos, written = out.pos;
        stream->left = ZSTD_decompressStream(stream->decoder, &out, &stream->in);
        if (ZSTD_isError(stream->left) || (before == stream->in.pos && written == out.pos)) return 0;
    }
    return 1;
}

static int at_end(struct stream *stream)
{
    char more;
    ZSTD_outBuffer out = {&more, 1, 0};
    while (stream->left) {
        size_t before = stream->in.pos;
        stream->left = ZSTD_decompressStream(stream->decoder, &out, &stream->in);
        if (ZSTD_isError(stream->left) || out.pos || (stream->left && before == stream->in.pos)) return 0;
    }
    return stream->in.pos == stream->in.size;
}

static const char *write_file(int folder, const struct entry *entry, struct stream *stream, char *buffer, size_t room)
{
    static const char damaged[] = "the program's archive is damaged";
    if ((entry->mode & S_IFMT) == S_IFLNK) {
        if (entry->size >= room || !next_bytes(stream, buffer, entry->size)) return damaged;
        buffer[entry->size] = 0;
        return symlinkat(buffer, folder, entry->name) ? strerror(errno) : NULL;
    }
    int file = openat(folder, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, entry->mode & 0755);
    if (file < 0) return strerror(errno);
    const char *failure = NULL;
    for (uint64_t left = entry->size; left && !failure;) {
        size_t part = left < room ? left : room;
        if (!next_bytes(stream, buffer, part)) failure = damaged;
        for (size_t done = 0; done < part && !failure;) {
            ssize_t wrote = write(file, buffer + done, part - done);
            if (wrote < 0 && errno != EINTR) failure = strerror(errno);
            if (wrote > 0) done += wrote;
        }
        left -= part;
    }
    if (close(file) && !failure) failure = strerror(errno);
    return failure;
}

static void make_parents(int folder, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdirat(folder, path, 0755);
    }
}

/* Unpack into a new folder. NULL, or why not. */
static const char *unpack(const char *path, const struct archive *archive)
{
    size_t room = 1 << 20;
    char *buffer = allocate(room);
    struct stream stream = {ZSTD_createDStream(), {archive->data, archive->size, 0}, 1};
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const char *failure = folder < 0 ? strerror(errno) : stream.decoder ? NULL : "out of memory";
    for (size_t i = 0; i < archive->count && !failure; i++) {
        make_parents(folder, archive->entries[i].name);
        failure = write_file(folder, &archive->entries[i], &stream, buffer, room);
    }
    if (!failure && !at_end(&stream)) failure = "the program's archive is damaged";
    ZSTD_freeDStream(stream.decoder);
    free(buffer);
    if (folder >= 0) close(folder);
    return failure;
}

static void unpack_once(char *cache, const char *name, const char *folder, const struct archive *archive)
{
    make_folders(cache, 0700);
    check_owner(cache);
    int lock = open(join(cache, ".lock"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) stop(ELSEWHERE, "The program cannot be unpacked: %s cannot be written: %s.", cache, strerror(errno));
    while (flock(lock, LOCK_EX) && errno == EINTR) continue;
    if (!is_whole(folder, archive)) {
        int parent = open(cache, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        sweep(cache, name);
        char *unfinished = join(cache, UNFINISHED "XXXXXX");
        if (!mkdtemp(unfinished))
            stop(ELSEWHERE, "The program cannot be unpacked: %s cannot be written: %s.", cache, strerror(errno));
        const char *failure = unpack(unfinished, archive);
        delete_all(parent, name); /* not whole */
        if (!failure && rename(unfinished, folder)) failure = strerror(errno);
        if (failure) {
            delete_all(parent, strrchr(unfinished, '/') + 1);
            int damaged = !strncmp(failure, "the program", 11);
            stop(damaged ? DAMAGED : ELSEWHERE, "The program cannot be unpacked into %s: %s.", cache, failure);
        }
        close(parent);
    }
    close(lock);
}

/* Lock the folder against a sweep, until this process and what it becomes have ended. 0: it is not there, or not whole. */
static int hold(const char *folder, const struct archive *archive)
{
    int held = open(folder, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    if (held < 0) return 0;
    flock(held, LOCK_SH | LOCK_NB); /* where it cannot be had, it is being removed, or there are no locks */
    if (is_whole(folder, archive)) return 1;
    close(held);
    return 0;
}

int main(int count, char **arguments)
{
    (void)count;
    char self[PATH_MAX];
    struct stat status;
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (length < 0 || file < 0 || fstat(file, &status))
        stop("Mount /proc, and let the file be read.", "The program cannot read itself: %s.", strerror(errno));
    self[length] = 0;
    struct archive archive = open_archive(file, status.st_size);
    char *cache = cache_folder(), name[sizeof PROGRAM + sizeof archive.id] = PROGRAM;
    strcat(name, archive.id);
    char *folder = join(cache, name);
    for (int attempt = 0; !hold(folder, &archive); attempt++) {
        if (attempt == 3) stop(ELSEWHERE, "%s is removed as soon as it is made.", folder);
        unpack_once(cache, name, folder, &archive);
    }
    check_owner(folder);
    setenv("EDGE_EXECUTABLE", self, 1);
    execv(join(folder, "edge"), arguments);
    stop(ELSEWHERE, "%s cannot be run: %s.", folder, strerror(errno));
}
