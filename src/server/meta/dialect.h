/* SQL that is SQLite's own: boxes (R*Tree), words (FTS5), JSON. Another engine has another
 * dialect.c and nothing else. Functions that take `first` print parameters ?first, ?first+1, ... */
#ifndef SERVER_META_DIALECT_H
#define SERVER_META_DIALECT_H

#include "base/buffer.h"
#include "server/meta/db.h"

enum vdt_boxed { VDT_BOX_OF_ENTRY, VDT_BOX_OF_SAMPLE };

/* The box of an entry or a sample in degrees; west > east goes across the antimeridian. Replaces
 * the one that is there; numbers that are none, or no numbers, remove it. */
vdt_status vdt_box_put(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                       const double box[4], struct vdt_error *error);
/* The same for what has no box yet. */
vdt_status vdt_box_add(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                       const double box[4], struct vdt_error *error);
vdt_status vdt_box_remove(struct vdt_session *session, enum vdt_boxed what, int64_t id,
                          struct vdt_error *error);

/* Appends "SELECT ... AS id FROM ...": what may meet the box ?first west, +1 south, +2 east, +3
 * north (west <= east). Only a filter: boxes are rounded outward, so compare the exact ones as
 * well. False: memory is out. */
bool vdt_box_select(struct vdt_buffer *sql, enum vdt_boxed what, int first);

/* Appends a query of the same ids, each once, as a column `id`. */
bool vdt_box_ids(struct vdt_buffer *sql, enum vdt_boxed what, int first);

/* The words by which an entry is found: name, description and whatever else is to be found. */
vdt_status vdt_words_put(struct vdt_session *session, int64_t entry, const char *name,
                         const char *text, struct vdt_error *error);
vdt_status vdt_words_remove(struct vdt_session *session, int64_t entry, struct vdt_error *error);

/* Appends "<id_column> IN (...)": entries with the words of ?first, which vdt_words_query made. */
bool vdt_words_condition(struct vdt_buffer *sql, const char *id_column, int first);

/* Appends "SELECT ... AS id FROM ..." of the same. */
bool vdt_words_select(struct vdt_buffer *sql, int first);

/* Appends "entry_text w CROSS JOIN entry e WHERE ... AND ": entries with the words, in the order of
 * w.rowid, their id, when that is asked for. */
bool vdt_words_walk(struct vdt_buffer *sql, int first);

/* What a STAC client sends as a query: terms with commas between, of which one is enough; the words
 * of a term stand in its order. Owned; NULL when memory is out. */
char *vdt_words_terms(const char *sent);

/* What a person typed as a query: all its words, each as the beginning of one; without any it finds
 * nothing. Owned; NULL when memory is out. */
char *vdt_words_query(const char *typed);

/* Appends formatted text to SQL that is being made. False: memory is out. */
bool vdt_sql_append(struct vdt_buffer *sql, const char *format, ...) VDT_PRINTF(2, 3);

#endif
