/* Class maps: rules that make classes of features' fields. The file's form is in
 * schemas/class-map.schema.json. */
#ifndef SOURCE_CLASS_MAP_H
#define SOURCE_CLASS_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <vedatile/error.h>

struct vdt_class_map; /* not changed once it is read */

/* Reads a file. `class_field` (may be NULL) is meant by rules that name no field. Messages name the
 * rule: "map.json: rules[3].range: ...". *map is owned. */
vdt_status vdt_class_map_read(const char *path, const char *class_field, struct vdt_class_map **map,
                              struct vdt_error *error);

/* The same from texts like "1=water" and "10-19=crop": values, and ranges of whole numbers with
 * both ends, of the field VDT_PIXEL_VALUE. The class "background" is none, "ignore" is one to
 * ignore. */
#define VDT_PIXEL_VALUE "value"
vdt_status vdt_class_map_parse(const char *const *texts, size_t count, struct vdt_class_map **map,
                               struct vdt_error *error);
void vdt_class_map_free(struct vdt_class_map *map);

/* The rules as they were read: canonical JSON, owned; NULL: memory is out. */
char *vdt_class_map_text(const struct vdt_class_map *map);

/* The fields that rules look at, each once, and the conditions that OGR decides, by rule. */
size_t vdt_class_map_field_count(const struct vdt_class_map *map);
const char *vdt_class_map_field(const struct vdt_class_map *map, size_t field);
size_t vdt_class_map_condition_count(const struct vdt_class_map *map);
const char *vdt_class_map_condition(const struct vdt_class_map *map, size_t condition);

/* "rules[3].where" of a condition. */
void vdt_class_map_place(const struct vdt_class_map *map, size_t condition, char *text,
                         size_t size);

/* The classes that rules give, each once, in the order of the file; the default is the last. */
size_t vdt_class_map_class_count(const struct vdt_class_map *map);
const char *vdt_class_map_class(const struct vdt_class_map *map, size_t number);

enum { VDT_CLASS_MAP_LEFT_OUT = -1, VDT_CLASS_MAP_NO_RULE = -2, VDT_CLASS_MAP_IGNORED = -3 };

/* The number of the class of the first rule that fits, or one of the above. `values` are texts by
 * field, VDT_NO_VALUE for none; holds[i] says whether condition i does. */
int vdt_class_map_apply(const struct vdt_class_map *map, const char *const *values,
                        const bool *holds);

#endif
