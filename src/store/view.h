/* /views/NAME, a selection of a group's samples, as it lies in the file. */
#ifndef STORE_VIEW_H
#define STORE_VIEW_H

#include <hdf5.h>
#include <stdint.h>
#include <vedatile/error.h>
#include <vedatile/store.h>

#include "store/file.h"

enum { VDT_VIEW_CHUNK_ROWS = 8192, VDT_VIEW_DEFINITION = 1 << 20 };

/* A view in memory; owns everything. */
struct vdt_stored_view {
    char *name;
    char *group;
    char *definition;
    uint64_t *indices;
    uint64_t count;
};
void vdt_views_free(struct vdt_stored_view *views, size_t count);

/* "" for none, or one JSON value. */
bool vdt_view_definition_valid(const char *text);

bool vdt_view_exists(hid_t h5, const char *name);

/* Takes the place of a view of that name. */
vdt_status vdt_view_write(hid_t h5, const struct vdt_view *view, struct vdt_error *error);
vdt_status vdt_view_remove(hid_t h5, const char *name, struct vdt_error *error);

/* All views of a file, sorted by name; none when there is no /views. What they say of groups and
 * samples is not looked at here. *views is owned (vdt_views_free). */
vdt_status vdt_views_read(struct vdt_file *file, hid_t h5, struct vdt_stored_view **views,
                          size_t *count, struct vdt_error *error);

#endif
