/* GDAL's cache of decoded blocks, which is one for the whole process. */
#ifndef SOURCE_CACHE_H
#define SOURCE_CACHE_H

#include <stdint.h>

/* Sets the limit in bytes and returns the one before. */
int64_t vdt_source_cache_limit(int64_t bytes);

#endif
