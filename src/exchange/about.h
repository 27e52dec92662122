/* What a store and its samples are, as JSON: vedatile.json and the lines of samples/GROUP.jsonl. */
#ifndef EXCHANGE_ABOUT_H
#define EXCHANGE_ABOUT_H

#include "base/json.h"
#include "exchange/record.h"

#define VDT_EXPORT_VERSION "1.0"

/* What all samples have in common; `tile` and `band_names` are those of the pictures, which may be
 * others than the store's. New reference; NULL: memory is out. */
json_t *vdt_about_store(const struct vdt_store_spec *spec, const struct vdt_tile_spec *tile,
                        const char *const *band_names);

/* Key, place and metadata of a sample, and the statistics of `bands` (indices from 0; NULL: none).
 * New reference; NULL: memory is out. */
json_t *vdt_about_sample(const struct vdt_record *record, const uint32_t *bands, size_t band_count);

/* Adds the labels that are no masks: "onehot" (ids of the classes that are set), "boxes",
 * "box_class", "box_feature" and "box_visible". False: memory is out. */
bool vdt_about_labels(json_t *about, const struct vdt_record *record, size_t class_count);

/* A number, or null for what JSON has no number for. */
json_t *vdt_json_number(double value);
json_t *vdt_json_numbers(const double *values, size_t count);

#endif
