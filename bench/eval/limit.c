/* The limit of counting two masks: how long it takes to read them both from memory and add up their
 * words. usage: limit FILE FILE THREADS ROUNDS; prints the seconds of each round. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

struct part {
    const uint64_t *a, *b;
    size_t words;
    uint64_t sum;
};

static void *add_up(void *argument)
{
    struct part *part = argument;
    uint64_t sum = 0;
    for (size_t i = 0; i < part->words; i++)
        sum += part->a[i] ^ part->b[i];
    part->sum = sum;
    return NULL;
}

static uint64_t *read_whole(const char *path, size_t *words)
{
    FILE *file = fopen(path, "rb");
    if (!file || fseek(file, 0, SEEK_END) != 0)
        exit(1);
    const size_t size = (size_t)ftell(file);
    rewind(file);
    uint64_t *data = malloc(size + 8);
    if (!data || fread(data, 1, size, file) != size)
        exit(1);
    fclose(file);
    *words = size / 8;
    return data;
}

static double now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    size_t words;
    const uint64_t *a = read_whole(argv[1], &words), *b = read_whole(argv[2], &words);
    const size_t threads = (size_t)atoi(argv[3]);
    for (int round = atoi(argv[4]); round > 0; round--) {
        pthread_t ids[64];
        struct part parts[64];
        const double start = now();
        for (size_t i = 0; i < threads; i++) {
            const size_t first = words / threads * i;
            const size_t end = i + 1 == threads ? words : words / threads * (i + 1);
            parts[i] = (struct part){a + first, b + first, end - first, 0};
            pthread_create(&ids[i], NULL, add_up, &parts[i]);
        }
        uint64_t sum = 0;
        for (size_t i = 0; i < threads; i++) {
            pthread_join(ids[i], NULL);
            sum += parts[i].sum;
        }
        printf("%.6f\n", now() - start + (sum == 1 ? 1e-9 : 0));
    }
    return 0;
}
