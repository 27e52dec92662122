/* Not there yet. */
#include <vedatile/annotations.h>

#include "base/error.h"

vdt_status vdt_annotations_import(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)options;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}

vdt_status vdt_annotations_export(struct vdt_annotations *set,
                                  const struct vdt_annotations_exchange *options,
                                  struct vdt_annotations_report *report, struct vdt_error *error)
{
    (void)set;
    (void)options;
    (void)report;
    return vdt_fail(error, VDT_ERR_UNSUPPORTED, "annotations are not there yet");
}
