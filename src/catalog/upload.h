/* Sending the blocks of a store that the server lacks. */
#ifndef CATALOG_UPLOAD_H
#define CATALOG_UPLOAD_H

#include "catalog/blocks.h"
#include "catalog/call.h"
#include "store/snapshot.h"

/* Begins the upload of a list to an entry, or goes on with the one that was cut off, sends what is
 * missing over several connections, and returns the upload's id. VDT_ERR_BUSY when the store was
 * committed to meanwhile: take a new snapshot. */
vdt_status vdt_upload(struct vdt_catalog *catalog, const char *entry,
                      const struct vdt_snapshot *snapshot, const char *path,
                      const struct vdt_block_list *list, char id[64], struct vdt_error *error);

#endif
