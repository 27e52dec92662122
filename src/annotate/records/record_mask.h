/* Masks in JSON: COCO's run lengths, or a PNG. Private to annotate/. */
#ifndef ANNOTATE_RECORD_MASK_H
#define ANNOTATE_RECORD_MASK_H

#include "annotate/records/record_json.h"

/* {"size": [rows, cols], "counts": text or list} or {"png": base64}: what is not 0 is the object.
 */
bool vdt_record_parse_mask(const json_t *value, struct vdt_record_room *room,
                           struct vdt_annotation *a, char why[VDT_ANNOTATION_WHY]);

/* New reference; NULL: memory is out. */
json_t *vdt_record_mask_json(const struct vdt_annotation *a);

/* COCO's text of runs; owned, free(). NULL: memory is out. */
char *vdt_record_mask_text(const struct vdt_annotation *a);

#endif
