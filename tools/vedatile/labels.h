/* All labels of one sample in memory, in one shape whatever the store's widths are. */
#ifndef TOOL_LABELS_H
#define TOOL_LABELS_H

#include <stdbool.h>
#include <vedatile/store.h>

enum { LABELS_IGNORE = 65535 };

/* A sample of a store. */
struct sample_ref {
    size_t group;
    uint64_t index;
};

/* Members are NULL where the store's tasks have no such array. */
struct labels {
    uint8_t *onehot;     /* [classes] */
    uint16_t *mask;      /* [rows * cols]: 0, class id + 1, LABELS_IGNORE */
    uint16_t *instances; /* [rows * cols]: 0 or 1-based box */
    uint16_t *boundary;  /* [rows * cols]: 0, 1, LABELS_IGNORE */
    uint16_t *contact;   /* likewise */
    float *distance;     /* [rows * cols]: NaN ignore */
    float *target;       /* likewise */
    size_t box_count;
    float (*boxes)[4];
    uint16_t *box_class;
};

/* On success labels_clear releases them; on failure there is nothing to release. */
vdt_status labels_load(const struct vdt_reader *reader, struct sample_ref sample,
                       struct labels *labels, struct vdt_error *error);

void labels_clear(struct labels *labels);

/* Whether any label of the sample is of the class. */
bool labels_show(const struct labels *labels, const struct vdt_store_spec *spec, size_t class_id);

#endif
