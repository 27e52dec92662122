/* GDAL's block cache limit. */
#include "source/cache.h"

#include <gdal.h>

int64_t vdt_source_cache_limit(int64_t bytes)
{
    int64_t before = GDALGetCacheMax64();
    GDALSetCacheMax64(bytes);
    return before;
}
