/* What the three files of the launcher share. launcher.c has the whole story. */
#ifndef LAUNCHER_H
#define LAUNCHER_H

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#define PROGRAM_NAME "edge"
#define PROGRAM_NAME_ON_FAT "edge.exe" /* Linux may mount FAT so that nothing else can be run ("showexec") */

struct entry {
    unsigned mode;
    uint64_t size;
    const char *name;
};

/* Some files in a row, compressed together. */
struct frame {
    uint64_t offset; /* in the program's file */
    size_t packed, unpacked;
    size_t first, count; /* of its entries */
};

struct archive {
    int file;
    struct entry *entries;
    size_t count;
    struct frame *frames;
    size_t frame_count;
    uint64_t unpacked;
    char id[17]; /* names the folder */
};

/* Why something could not be unpacked, besides the values of errno. */
enum { DAMAGED = -1, UNREADABLE = -2 };

extern const char COPY_AGAIN[];

/* launcher.c */
noreturn void stop(const char *hint, const char *format, ...) __attribute__((format(printf, 2, 3)));
void *allocate(size_t size);

/* archive.c */
int read_at(int file, void *data, size_t size, uint64_t offset); /* 0, or why not as errno; EIO for a file too short */
struct archive open_archive(int file, uint64_t length);

/* unpack.c */
int unpack(int folder, const struct archive *archive); /* 0, or why not */

#endif
