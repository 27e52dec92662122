/* What reading alone takes, as the limit of batches:
 *
 *   limit run MODE FILE CHUNKS TILE_BYTES RING_TILES THREADS SECONDS SEED
 *       every chunk of CHUNKS (pairs of little-endian u64: address, size) once in random order, and
 *       again, until SECONDS are over, by THREADS threads into a ring of RING_TILES tiles. MODE
 *       read: pread; map: memcpy from a mapping of the file; lz4: pread, HDF5 filter 32004,
 * unshuffle of 2 bytes; deflate: pread, zlib streams by libdeflate. limit drop FILE... drops files
 * from the page cache and says how many of their pages are left there.
 *
 * Prints one line of JSON. Built by run.py. */
#include <fcntl.h>
#include <libdeflate.h>
#include <lz4.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MOST = 256, ELEMENT = 2 };

struct chunk {
    uint64_t address, size;
};

struct job {
    int file;
    struct chunk *chunks;
    uint64_t chunk_count, largest, tile_bytes, ring_tiles;
    unsigned char *ring;
    bool lz4, deflate;
    const unsigned char *map; /* of the file, or NULL */
    double end;               /* of the clock */
    atomic_uint_fast64_t next;
    atomic_bool failed;
};

struct scratch {
    unsigned char *stored, *shuffled;
    struct libdeflate_decompressor *inflate;
};

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec * 1e-9;
}

static double processor_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static uint32_t big_endian(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

/* Filter 32004: u64 size, u32 block size, then blocks of u32 stored size and LZ4 data; a block that
 * is as large as it was is stored as it is. */
static bool decode_lz4(const unsigned char *stored, uint64_t size, unsigned char *out,
                       uint64_t bytes)
{
    uint64_t place = 12, done = 0, block = size >= 12 ? big_endian(stored + 8) : 0;
    while (done < bytes && block > 0 && place + 4 <= size) {
        uint64_t want = bytes - done < block ? bytes - done : block;
        uint64_t have = big_endian(stored + place);
        place += 4;
        if (have > size - place)
            return false;
        if (have == want)
            memcpy(out + done, stored + place, want);
        else if (LZ4_decompress_safe((const char *)stored + place, (char *)out + done, (int)have,
                                     (int)want) != (int)want)
            return false;
        place += have;
        done += want;
    }
    return done == bytes;
}

static void unshuffle(const unsigned char *restrict shuffled, unsigned char *restrict out,
                      uint64_t bytes)
{
    uint64_t count = bytes / ELEMENT;
    for (uint64_t i = 0; i < count; i++) {
        out[ELEMENT * i] = shuffled[i];
        out[ELEMENT * i + 1] = shuffled[count + i];
    }
}

static bool read_all(int file, unsigned char *out, struct chunk chunk)
{
    uint64_t done = 0;
    while (done < chunk.size) {
        ssize_t got = pread(file, out + done, chunk.size - done, (off_t)(chunk.address + done));
        if (got <= 0)
            return false;
        done += (uint64_t)got;
    }
    return true;
}

static bool serve(const struct job *job, const struct scratch *scratch, uint64_t turn)
{
    struct chunk chunk = job->chunks[turn % job->chunk_count];
    unsigned char *slot = job->ring + turn % job->ring_tiles * job->tile_bytes;
    if (job->map != NULL) {
        memcpy(slot, job->map + chunk.address, chunk.size);
        return true;
    }
    if (!job->lz4 && !job->deflate)
        return read_all(job->file, slot, chunk);
    if (!read_all(job->file, scratch->stored, chunk))
        return false;
    if (job->deflate) {
        size_t got = 0;
        return libdeflate_zlib_decompress(scratch->inflate, scratch->stored, chunk.size, slot,
                                          job->tile_bytes, &got) == LIBDEFLATE_SUCCESS &&
               got == job->tile_bytes;
    }
    if (!decode_lz4(scratch->stored, chunk.size, scratch->shuffled, job->tile_bytes))
        return false;
    unshuffle(scratch->shuffled, slot, job->tile_bytes);
    return true;
}

static void *work(void *payload)
{
    struct job *job = payload;
    struct scratch scratch = {.stored = malloc(job->largest),
                              .shuffled = malloc(job->tile_bytes),
                              .inflate = libdeflate_alloc_decompressor()};
    bool good = scratch.stored && scratch.shuffled && scratch.inflate;
    while (good && now() < job->end)
        good = serve(job, &scratch, atomic_fetch_add(&job->next, 1));
    if (!good)
        job->failed = true;
    libdeflate_free_decompressor(scratch.inflate);
    free(scratch.shuffled);
    free(scratch.stored);
    return NULL;
}

static bool load_chunks(const char *path, struct job *job)
{
    struct stat status;
    FILE *file = fopen(path, "rb");
    if (file == NULL || fstat(fileno(file), &status) != 0)
        return false;
    job->chunk_count = (uint64_t)status.st_size / sizeof *job->chunks;
    job->chunks = malloc((size_t)status.st_size + 1);
    bool good = job->chunk_count > 0 && job->chunks != NULL &&
                fread(job->chunks, sizeof *job->chunks, job->chunk_count, file) == job->chunk_count;
    fclose(file);
    for (uint64_t i = 0; good && i < job->chunk_count; i++)
        if (job->chunks[i].size > job->largest)
            job->largest = job->chunks[i].size;
    return good && (job->lz4 || job->deflate || job->largest <= job->tile_bytes);
}

/* Fisher and Yates, with splitmix64 (Vigna 2015). */
static void mix(struct chunk *chunks, uint64_t count, uint64_t seed)
{
    for (uint64_t i = count - 1; i > 0; i--) {
        uint64_t z = seed += UINT64_C(0x9E3779B97F4A7C15);
        z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
        z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
        uint64_t other = (z ^ z >> 31) % (i + 1);
        struct chunk kept = chunks[i];
        chunks[i] = chunks[other];
        chunks[other] = kept;
    }
}

static bool run_threads(struct job *job, int threads)
{
    pthread_t handles[THREADS_MOST];
    int started = 0;
    while (started < threads && pthread_create(&handles[started], NULL, work, job) == 0)
        started++;
    for (int i = 0; i < started; i++)
        pthread_join(handles[i], NULL);
    return started == threads && !job->failed;
}

/* A mapping stays until the process ends. Its pages are entered first, as a loop would find them
 * after its first epoch. */
static bool map_file(struct job *job)
{
    struct stat status;
    if (fstat(job->file, &status) != 0)
        return false;
    void *map = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, job->file, 0);
    volatile unsigned char sum = 0;
    for (off_t i = 0; map != MAP_FAILED && i < status.st_size; i += 4096)
        sum = (unsigned char)(sum + ((unsigned char *)map)[i]);
    job->map = map;
    return map != MAP_FAILED;
}

static int run(char **argv)
{
    struct job job = {.lz4 = strcmp(argv[0], "lz4") == 0,
                      .deflate = strcmp(argv[0], "deflate") == 0,
                      .tile_bytes = strtoull(argv[3], NULL, 10),
                      .ring_tiles = strtoull(argv[4], NULL, 10)};
    int threads = atoi(argv[5]);
    double seconds = atof(argv[6]);
    job.file = open(argv[1], O_RDONLY);
    job.ring = malloc(job.ring_tiles * job.tile_bytes);
    if (job.file < 0 || threads < 1 || threads > THREADS_MOST || job.ring == NULL ||
        !load_chunks(argv[2], &job))
        return 1;
    memset(job.ring, 1, job.ring_tiles * job.tile_bytes); /* page faults are no part of the limit */
    mix(job.chunks, job.chunk_count, strtoull(argv[7], NULL, 10));
    if (strcmp(argv[0], "map") == 0 && !map_file(&job))
        return 1;
    double cpu = processor_seconds(), begun = now();
    job.end = begun + seconds;
    bool good = run_threads(&job, threads);
    double taken = now() - begun;
    printf("{\"samples\": %llu, \"seconds\": %.6f, \"cpu\": %.6f}\n", (unsigned long long)job.next,
           taken, processor_seconds() - cpu);
    free(job.chunks);
    free(job.ring);
    close(job.file);
    return good ? 0 : 1;
}

static bool drop_file(const char *path, uint64_t *pages, uint64_t *resident)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) != 0)
        return false;
    bool good = true;
    if (status.st_size > 0) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (size_t)status.st_size;
        size_t count = (size + page - 1) / page;
        fsync(file);
        posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
        unsigned char *present = malloc(count);
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, file, 0);
        good = present != NULL && map != MAP_FAILED && mincore(map, size, present) == 0;
        for (size_t i = 0; good && i < count; i++)
            *resident += present[i] & 1;
        *pages += count;
        if (map != MAP_FAILED)
            munmap(map, size);
        free(present);
    }
    close(file);
    return good;
}

static int drop(char **paths)
{
    uint64_t pages = 0, resident = 0;
    for (; *paths != NULL; paths++)
        if (!drop_file(*paths, &pages, &resident)) {
            perror(*paths);
            return 1;
        }
    printf("{\"pages\": %llu, \"resident\": %llu}\n", (unsigned long long)pages,
           (unsigned long long)resident);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 10 && strcmp(argv[1], "run") == 0)
        return run(argv + 2);
    if (argc > 2 && strcmp(argv[1], "drop") == 0)
        return drop(argv + 2);
    fprintf(stderr,
            "usage: limit run read|map|lz4|deflate FILE CHUNKS TILE_BYTES RING_TILES THREADS "
            "SECONDS SEED | limit drop FILE...\n");
    return 2;
}
