/* Class rasters of a run, on their way to a catalog. */
#ifndef CATALOG_SUBMIT_RASTERS_H
#define CATALOG_SUBMIT_RASTERS_H

#include <vedatile/catalog.h>
#include <vedatile/run.h>

/* Sends all of them to the catalog's run of that id; again is as once. VDT_ERR_MISMATCH: one has a
 * class that the store has not. */
vdt_status vdt_submit_rasters(struct vdt_catalog *catalog, const char *store, const char *run,
                              const struct vdt_run_reader *reader, struct vdt_error *error);

#endif
