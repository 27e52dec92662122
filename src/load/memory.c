/* A page fault costs as much as reading 1 KiB; with pages of 2 MiB there are hardly any. */
#define _DEFAULT_SOURCE /* madvise */
#include "load/memory.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

void *vdt_memory_allocate(size_t size)
{
    void *memory = NULL;
    if (size > SIZE_MAX - HUGE_PAGE)
        return NULL;
    if (size < HUGE_PAGE)
        return posix_memalign(&memory, ALIGNMENT, size == 0 ? ALIGNMENT : size) == 0 ? memory
                                                                                     : NULL;
    /* Rounded up, or what shares the last huge page with something else is not made one. */
    size = (size + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
    if (posix_memalign(&memory, HUGE_PAGE, size) != 0)
        return NULL;
    madvise(memory, size, MADV_HUGEPAGE); /* a wish: without huge pages all works as well */
    return memory;
}
