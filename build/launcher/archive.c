/* The launcher's way into its own file: footer, table of contents, and the archive's list of files. */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "zstd.h"

#define FOOTER_SIZE 64
#define MAX_TABLE (1 << 20)
#define MAX_LAUNCHER (64 << 20)
#define MAX_LIST (16 << 20)
#define MAX_UNPACKED ((uint64_t)4 << 30)
#define PAGE 65536 /* the largest of the machines it is built for */

const char COPY_AGAIN[] = "Copy the file again, and compare its SHA-256 with the publisher's.";

static uint32_t crc32_of(const unsigned char *data, size_t size)
{
    static uint32_t steps[256];
    for (uint32_t byte = 0; byte < 256 && !steps[255]; byte++) {
        steps[byte] = byte;
        for (int bit = 0; bit < 8; bit++) steps[byte] = steps[byte] >> 1 ^ (steps[byte] & 1 ? 0xEDB88320u : 0);
    }
    uint32_t crc = ~0u;
    for (size_t i = 0; i < size; i++) crc = crc >> 8 ^ steps[(crc ^ data[i]) & 255];
    return ~crc;
}

static uint64_t number(const unsigned char *data, int bytes)
{
    uint64_t value = 0;
    while (bytes--) value = value << 8 | data[bytes];
    return value;
}

int read_at(int file, void *data, size_t size, uint64_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, (char *)data + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got ? errno : EIO;
        done += (size_t)got;
    }
    return 0;
}

static void must_read_at(int file, void *data, size_t size, uint64_t offset)
{
    int failure = read_at(file, data, size, offset);
    if (failure) stop(COPY_AGAIN, "The program's file cannot be read: %s.", strerror(failure));
}

/* Whether this code is what was published, as far as code that is not can tell. */
static void check_launcher(int file, size_t size, uint32_t crc)
{
    unsigned char *data = allocate(size);
    must_read_at(file, data, size, 0);
    if (crc32_of(data, size) != crc) stop(COPY_AGAIN, "The program's launcher is damaged.");
    free(data);
}

/* The table of contents, as text. */
static char *read_table(int file, uint64_t length)
{
    unsigned char footer[FOOTER_SIZE] = {0};
    if (length >= FOOTER_SIZE) must_read_at(file, footer, FOOTER_SIZE, length - FOOTER_SIZE);
    if (memcmp(footer, "EDGEFILE", 8))
        stop(COPY_AGAIN, "The program has no footer: it is cut short, or something was added to its end.");
    if (number(footer + 60, 4) != crc32_of(footer, 60)) stop(COPY_AGAIN, "The program's footer is damaged.");
    if (number(footer + 8, 4) != 1) stop(COPY_AGAIN, "The program's launcher is older than the rest of it.");
    if (number(footer + 32, 4) > MAX_LAUNCHER) stop(COPY_AGAIN, "The program's footer is damaged.");
    check_launcher(file, number(footer + 32, 4), (uint32_t)number(footer + 36, 4));
    uint64_t offset = number(footer + 16, 8), size = number(footer + 24, 8);
    if (size > MAX_TABLE || offset > length || size > length - offset) stop(COPY_AGAIN, "The program's footer is damaged.");
    char *table = allocate(size + 1);
    must_read_at(file, table, size, offset);
    table[size] = 0;
    if (number(footer + 12, 4) != crc32_of((unsigned char *)table, size))
        stop(COPY_AGAIN, "The program's table of contents is damaged.");
    return table;
}

/* The list of files, as text; NULL when it is damaged. Its compressed size replaces that of the archive. */
static char *read_list(int file, uint64_t offset, uint64_t *size)
{
    size_t room = 1 << 14, packed;
    char *data;
    for (;; room *= 4, free(data)) { /* how long it is, only the whole of it tells */
        if (room > *size) room = *size;
        data = allocate(room);
        must_read_at(file, data, room, offset);
        packed = ZSTD_findFrameCompressedSize(data, room);
        if (!ZSTD_isError(packed) || room == *size) break;
    }
    unsigned long long unpacked = ZSTD_getFrameContentSize(data, room);
    if (ZSTD_isError(packed) || unpacked > MAX_LIST) return NULL;
    char *list = allocate(unpacked + 1);
    if (ZSTD_decompress(list, unpacked, data, packed) != unpacked) return NULL;
    free(data);
    list[unpacked] = 0;
    *size = packed;
    return list;
}

/* Split the list into frames and entries; 0 when it makes no sense. The first frame begins at ``offset``. */
static int split_list(char *list, uint64_t offset, struct archive *archive)
{
    size_t lines = 1;
    for (char *at = list; *at; at++) lines += *at == '\n';
    archive->entries = allocate(lines * sizeof(struct entry));
    archive->frames = allocate(lines * sizeof(struct frame));
    struct frame *frame = NULL;
    for (char *line = list, *end; (end = strchr(line, '\n')); line = end + 1) {
        struct entry *entry = &archive->entries[archive->count];
        size_t packed;
        int at = 0;
        *end = 0;
        if (sscanf(line, "frame %zu", &packed) == 1) {
            frame = &archive->frames[archive->frame_count++];
            *frame = (struct frame){.offset = offset, .packed = packed, .first = archive->count};
            offset += packed;
            continue;
        }
        if (sscanf(line, "%o %" SCNu64 " %*64[0-9a-f] %n", &entry->mode, &entry->size, &at) != 2 || !at || !frame) return 0;
        entry->name = line + at;
        frame->unpacked += entry->size;
        frame->count++;
        archive->unpacked += entry->size;
        archive->count++;
        if (entry->size > MAX_UNPACKED || archive->unpacked > MAX_UNPACKED) return 0;
    }
    return archive->count > 0;
}

struct archive open_archive(int file, uint64_t length)
{
    struct archive archive = {.file = file};
    uint64_t offset, size;
    char digest[65];
    char *table = read_table(file, length);
    if (sscanf(table, "program %" SCNu64 " %" SCNu64 " %64[0-9a-f]", &offset, &size, digest) != 3 ||
        strlen(digest) != 64 || offset % PAGE || offset > length || size > length - offset || !size)
        stop(COPY_AGAIN, "The program's table of contents is damaged.");
    memcpy(archive.id, digest, 16);
    free(table);
    uint64_t end = offset + size;
    char *list = read_list(file, offset, &size);
    if (!list || !split_list(list, offset + size, &archive)) stop(COPY_AGAIN, "The program's archive is damaged.");
    const struct frame *last = &archive.frames[archive.frame_count - 1];
    if (last->offset + last->packed != end) stop(COPY_AGAIN, "The program's archive is damaged.");
    return archive;
}
