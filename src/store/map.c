/* A store's file mapped into memory. */
#include "store/map.h"

#include <sys/mman.h>

#include "base/error.h"
#include "store/reader_state.h"

vdt_status vdt_map_open(struct vdt_map *map, const struct vdt_reader *reader,
                        struct vdt_error *error)
{
    uint64_t size = vdt_file_size(reader->file);
    if (size > SIZE_MAX)
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "%s: too large to map", reader->path);
    void *data = mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, reader->file->fd, 0);
    if (data == MAP_FAILED)
        return vdt_fail_errno(error, reader->path);
    *map = (struct vdt_map){data, (size_t)size};
    return VDT_OK;
}

void vdt_map_close(struct vdt_map *map)
{
    if (map->data != NULL)
        munmap((void *)map->data, map->size);
    *map = (struct vdt_map){0};
}
