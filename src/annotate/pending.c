/* Not there yet. */
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "annotate/exchange_sets.h"
#include "base/error.h"

#define PENDING(name, ...)                                                           \
    vdt_status name(__VA_ARGS__)                                                     \
    {                                                                                \
        return vdt_fail(error, VDT_ERR_UNSUPPORTED, "this format is not there yet"); \
    }
#define IMPORT                                              \
    struct vdt_staged *staged, struct vdt_annotations *set, \
        const struct vdt_annotations_exchange *options, struct vdt_error *error
PENDING(vdt_import_set_yolo, IMPORT)
PENDING(vdt_import_set_voc, IMPORT)
PENDING(vdt_export_set_yolo, struct vdt_set_export *out, struct vdt_error *error)
PENDING(vdt_export_set_voc, struct vdt_set_export *out, struct vdt_error *error)
