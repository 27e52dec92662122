/* Memory of batches: large, aligned, in huge pages where there are any. */
#ifndef LOAD_MEMORY_H
#define LOAD_MEMORY_H

#include <stddef.h>

/* At least 64-byte aligned, as vector units and DLPack consumers ask for; NULL when memory is out.
 * Contents are undefined. Release with free(). */
void *vdt_memory_allocate(size_t size);

#endif
