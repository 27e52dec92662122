/* One prediction or annotation as it is sent, checked before it is believed. */
#ifndef SERVER_API_PREDICTION_RECORD_H
#define SERVER_API_PREDICTION_RECORD_H

#include <vedatile/annotations.h>

#include "base/json.h"

enum { VDT_PREDICTION_ID_MOST = 1024 };

struct vdt_prediction_record {
    char *sample;   /* its reference */
    char *id;       /* of the annotation, made of its content where none was sent; NULL: the record
                       only says that the sample is predicted */
    char *document; /* canonical JSON without "sample", with the id */
};
void vdt_prediction_record_clear(struct vdt_prediction_record *record);

/* What it must be like. */
struct vdt_record_rules {
    bool scored;         /* a prediction: every label has a score, and it may lie anywhere */
    uint32_t rows, cols; /* of the samples; 0: not known */
};

/* Reads a record of `size` bytes with a NUL behind. `scratch` is a free set in memory, which gets
 * it, and with it proves its geometry. VDT_ERR_FORMAT: it is no JSON; VDT_ERR_ARGUMENT
 * names the member. *record is cleared by the caller in any case. */
vdt_status vdt_prediction_record_read(const char *text, size_t size,
                                      const struct vdt_record_rules *rules,
                                      struct vdt_annotations *scratch,
                                      struct vdt_prediction_record *record,
                                      struct vdt_error *error);

#endif
