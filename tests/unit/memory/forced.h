/* Memory that is out, one allocation after the other. The test's program is linked so that malloc,
 * calloc and realloc of the library's own objects come here (--wrap); those of other libraries do
 * not. */
#ifndef TEST_FORCED_H
#define TEST_FORCED_H

#include "../store/stores.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/resource.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);

static atomic_ulong allocations; /* so far */
static unsigned long failing;    /* this one fails, and `all_after`: all that follow; 0: none */
static bool all_after;

static bool out_of_memory(void)
{
    unsigned long now = atomic_fetch_add(&allocations, 1) + 1;
    if (failing == 0 || now < failing || (now > failing && !all_after))
        return false;
    errno = ENOMEM;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return out_of_memory() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return out_of_memory() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return out_of_memory() ? NULL : __real_realloc(old, size);
}

/* What is tried: VDT_OK, or a failure with its line in `error`. `text` gets what it came to, which
 * is the same every time; may stay empty. */
typedef vdt_status (*forced_work)(char *text, size_t size);

static vdt_status forced_try(forced_work work, unsigned long fail, bool all, char *text,
                             size_t size)
{
    memset(text, 0, size);
    memset(&error, 0, sizeof error);
    allocations = 0;
    all_after = all;
    failing = fail;
    vdt_status status = work(text, size);
    failing = 0;
    return status;
}

/* Every allocation of `work` fails once, alone and with all after it (of very many, about `most`
 * spread evenly): the call fails with a line of its own or comes to what it came to before, and
 * what it did not do can be done afterwards. `undo` takes away what is there, be it whole or
 * nothing; no other file is left. */
static inline void force(forced_work work, void (*undo)(void), unsigned long most)
{
    static char whole[1 << 20], text[1 << 20];
    if (forced_try(work, 0, false, whole, sizeof whole) != VDT_OK) /* what is made once, is */
        fail_msg("%s", error.message);
    undo();
    int files = files_in_folder(false);
    if (forced_try(work, 0, false, whole, sizeof whole) != VDT_OK)
        fail_msg("%s", error.message);
    unsigned long count = allocations;
    undo();
    unsigned long step = count / most + 1, refused = 0;
    for (unsigned long i = 1; i <= 2 * count; i += step) {
        unsigned long fail = (i + 1) / 2;
        vdt_status status = forced_try(work, fail, i % 2 == 0, text, sizeof text);
        if (status == VDT_OK && strcmp(text, whole) != 0)
            fail_msg("allocation %lu of %lu: another result", fail, count);
        if (status != VDT_OK && (error.status != status || error.message[0] == 0 ||
                                 strchr(error.message, '\n') != NULL))
            fail_msg("allocation %lu of %lu: %d and no line of it: %d \"%s\"", fail, count, status,
                     error.status, error.message);
        if (status != VDT_OK && status != VDT_ERR_MEMORY && all_after)
            fail_msg("allocation %lu of %lu: %s", fail, count, error.message);
        refused += status != VDT_OK;
        undo();
        if (files_in_folder(false) != files)
            fail_msg("allocation %lu of %lu: a file is left", fail, count);
    }
    if (refused == 0)
        fail_msg("nothing failed");
    if (forced_try(work, 0, false, text, sizeof text) != VDT_OK || strcmp(text, whole) != 0)
        fail_msg("not as before: %s", error.message);
    undo();
}

#endif
