/* All tables of a store, once: every sample as a record, and what they come to together. In a
 * worker. Private to draw/. */
#ifndef SERVER_DRAW_TABLES_H
#define SERVER_DRAW_TABLES_H

#include "base/json.h"
#include "server/draw/tally.h"
#include "server/draw/worker.h"
#include "store/reader.h"

/* Sends a VDT_FRAME_GROUP for each group and its rows behind it, and adds them up. VDT_ERR_FORMAT
 * names the sample that is not as the format wants it. */
vdt_status vdt_tables_send(struct vdt_job *job, const struct vdt_reader *reader,
                           struct vdt_tally *tally, struct vdt_error *error);

#endif
