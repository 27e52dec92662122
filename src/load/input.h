/* What a loader serves, resolved: several stores, files and selections as one run of samples. */
#ifndef LOAD_INPUT_H
#define LOAD_INPUT_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/loader.h>

#include "store/map.h"
#include "store/reader.h"

struct vdt_source {
    const struct vdt_reader *reader; /* borrowed; NULL: another HDF5 file */
    size_t group;
    const char *group_name; /* borrowed from the reader */
    struct vdt_columns *columns;
    struct vdt_map map;          /* of the reader's file; empty unless the options ask for it */
    const struct vdt_hdf5 *hdf5; /* borrowed */
    uint64_t *indices;           /* NULL: all */
    uint64_t count;              /* samples */
    uint64_t first;              /* number of its first sample in the whole run */
};

/* {0} is empty. Unchanging once made: any thread. */
struct vdt_sources {
    struct vdt_source *items;
    size_t count;
    uint64_t samples;
    struct vdt_tile_spec tile; /* as stored */
    enum vdt_axes axes;
    uint32_t tasks; /* of the labels delivered */
    size_t class_count;
    size_t mask_size;
    struct vdt_hdf5_spec values; /* label_dtype 0: none */
};

/* Checks that the inputs go together and copies what is borrowed for the call. `group` and `tasks`
 * are the options'. keep: load label columns into memory. */
vdt_status vdt_sources_init(struct vdt_sources *sources, const struct vdt_input *inputs,
                            size_t count, const struct vdt_loader_options *options, bool keep,
                            struct vdt_error *error);
void vdt_sources_clear(struct vdt_sources *sources);

/* Path of the file a source is. */
const char *vdt_source_path(const struct vdt_source *source);

/* The source of sample `number` (< samples), and its index in the group or file. */
uint32_t vdt_sources_find(const struct vdt_sources *sources, uint64_t number, uint64_t *index);

/* Boxes of one sample of a source; 0 without boxes. */
uint64_t vdt_source_box_rows(const struct vdt_source *source, uint64_t index);

#endif
