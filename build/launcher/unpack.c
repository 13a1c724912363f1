/* Writes the files of the archive into a folder. A frame is written only when its checksum was right; while one thread
 * writes, others decompress. */
#define _GNU_SOURCE
#include "launcher.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zstd.h"

#define MAX_THREADS 4 /* each takes the memory of a frame */
#define HUGE_PAGE ((size_t)2 << 20)

struct work {
    const struct archive *archive;
    int folder;
    atomic_size_t next; /* frame that nobody has taken yet */
    atomic_int failure;
    pthread_mutex_t writing; /* one file after another: on a stick of FAT each lies in one piece then */
};

static void make_parents(int folder, const char *name)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, "%s", name);
    for (char *slash = path; (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdirat(folder, path, 0755);
    }
}

static int write_file(int folder, const struct entry *entry, const char *data)
{
    make_parents(folder, entry->name);
    int file = openat(folder, entry->name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, entry->mode & 0755);
    int failure = file < 0 ? errno : 0;
    for (size_t done = 0; done < entry->size && !failure;) {
        ssize_t wrote = write(file, data + done, entry->size - done);
        if (wrote < 0 && errno != EINTR) failure = errno;
        if (wrote > 0) done += (size_t)wrote;
    }
    if (file >= 0 && close(file) && !failure) failure = errno; /* network file systems tell it here */
    return failure;
}

static int write_files(const struct work *work, const struct frame *frame, const char *data)
{
    int failure = 0;
    for (size_t i = 0; i < frame->count && !failure && !work->failure; i++) {
        const struct entry *entry = &work->archive->entries[frame->first + i];
        failure = write_file(work->folder, entry, data);
        data += entry->size;
    }
    return failure;
}

/* Memory for a frame. To fill it in pages of 4 KiB would take a quarter of the whole time. */
static char *frame_memory(size_t size)
{
    void *memory = aligned_alloc(HUGE_PAGE, (size + HUGE_PAGE) / HUGE_PAGE * HUGE_PAGE);
    if (memory) madvise(memory, size, MADV_HUGEPAGE);
    return memory;
}

static int unpack_frame(struct work *work, const struct frame *frame)
{
    char *packed = frame_memory(frame->packed), *data = frame_memory(frame->unpacked);
    int failure = packed && data ? 0 : ENOMEM;
    if (!failure && read_at(work->archive->file, packed, frame->packed, frame->offset)) failure = UNREADABLE;
    if (!failure && ZSTD_decompress(data, frame->unpacked, packed, frame->packed) != frame->unpacked) failure = DAMAGED;
    free(packed);
    pthread_mutex_lock(&work->writing);
    if (!failure) failure = write_files(work, frame, data);
    pthread_mutex_unlock(&work->writing);
    free(data);
    return failure;
}

static void *unpack_frames(void *argument)
{
    struct work *work = argument;
    size_t at;
    while (!work->failure && (at = work->next++) < work->archive->frame_count) {
        int failure = unpack_frame(work, &work->archive->frames[at]);
        if (failure) work->failure = failure;
    }
    return NULL;
}

int unpack(int folder, const struct archive *archive)
{
    struct work work = {.archive = archive, .folder = folder, .writing = PTHREAD_MUTEX_INITIALIZER};
    pthread_t threads[MAX_THREADS];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int more = 0; /* besides this one */
    while (more + 1 < processors && more + 1 < MAX_THREADS && !pthread_create(&threads[more], NULL, unpack_frames, &work))
        more++;
    unpack_frames(&work);
    while (more) pthread_join(threads[--more], NULL);
    if (!work.failure && faccessat(folder, PROGRAM_NAME, X_OK, 0) && errno == EACCES &&
        renameat(folder, PROGRAM_NAME, folder, PROGRAM_NAME_ON_FAT))
        work.failure = errno;
    return work.failure;
}
