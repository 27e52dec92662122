/* PROJ in a process that may not open files. */
#include "server/draw/ground.h"

#include <unistd.h>

#include "source/lonlat.h"

int vdt_ground_prepare(void)
{
    /* Any CRS that PROJ has to look up; it keeps its data base open for those to come. */
    vdt_lonlat_free(vdt_lonlat_open("EPSG:32631"));
    int next = dup(0); /* descriptors are given from below */
    if (next >= 0)
        close(next);
    return next - 1;
}
