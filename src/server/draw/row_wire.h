/* A sample as a worker sends it and as it is kept: a head, then classes, places and metadata.
 * Private to draw/. */
#ifndef SERVER_DRAW_ROW_WIRE_H
#define SERVER_DRAW_ROW_WIRE_H

#include <assert.h>

#include "server/draw/records.h"

#define VDT_ROW_NO_TEXT UINT32_MAX /* metadata_size: longer than VDT_RECORD_METADATA */

struct vdt_row_head {
    uint32_t size; /* of all of it */
    uint32_t class_count;
    uint32_t place_count;
    uint32_t metadata_size;
    char key[VDT_KEY_SIZE];
    uint32_t scene;
    uint32_t crs;
    int32_t window[4];
    double geotransform[6];
    double bounds[4];
    float valid_fraction;
    float weight;
    uint32_t image_crc;
    uint32_t label_crc;
    uint64_t boxes;
    uint64_t digest; /* 0 from the worker */
};
static_assert(sizeof(struct vdt_row_head) % 8 == 0, "no bytes between the parts");
static_assert(sizeof(struct vdt_record_class) == 8, "as it is sent");
static_assert(sizeof(struct vdt_record_place) == 16, "as it is sent");

#endif
