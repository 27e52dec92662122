/* A store's file mapped into memory. */
#ifndef STORE_MAP_H
#define STORE_MAP_H

#include <vedatile/store.h>

/* {0} is empty. Unchanging once made: any thread. */
struct vdt_map {
    const unsigned char *data;
    size_t size;
};
vdt_status vdt_map_open(struct vdt_map *map, const struct vdt_reader *reader,
                        struct vdt_error *error);
void vdt_map_close(struct vdt_map *map);

#endif
