/* Small helpers around HDF5: quiet calls, attributes, closing by scope. */
#ifndef STORE_H5_H
#define STORE_H5_H

#include <hdf5.h>
#include <vedatile/error.h>

#include "base/cleanup.h"

/* HDF5 prints its errors unless told otherwise; VDT_H5_QUIET; as a function's first line keeps the
 * calling thread quiet until its end. */
struct vdt_h5_quiet {
    H5E_auto2_t function;
    void *payload;
};
struct vdt_h5_quiet vdt_h5_silence(void);
void vdt_h5_restore(struct vdt_h5_quiet *quiet);
#define VDT_H5_QUIET                                                          \
    vdt_cleanup(vdt_h5_restore) struct vdt_h5_quiet quiet = vdt_h5_silence(); \
    (void)quiet

/* Scope ends for identifiers; negative is none. */
void vdt_h5_close_file(hid_t *id);
void vdt_h5_close_group(hid_t *id);
void vdt_h5_close_dataset(hid_t *id);
void vdt_h5_close_space(hid_t *id);
void vdt_h5_close_type(hid_t *id);
void vdt_h5_close_plist(hid_t *id);
void vdt_h5_close_attribute(hid_t *id);

/* Text attributes, fixed-size UTF-8; an existing one is replaced. */
vdt_status vdt_h5_write_text(hid_t object, const char *name, const char *text,
                             struct vdt_error *error);
vdt_status vdt_h5_write_texts(hid_t object, const char *name, const char *const *texts,
                              size_t count, struct vdt_error *error);

/* Owned copies; `what` names the file in messages. Anything but fixed-size text of sane length is
 * VDT_ERR_FORMAT; an attribute that is not there is VDT_ERR_NOT_FOUND. */
vdt_status vdt_h5_read_text(hid_t object, const char *name, const char *what, char **text,
                            struct vdt_error *error);
vdt_status vdt_h5_read_texts(hid_t object, const char *name, const char *what, char ***texts,
                             size_t *count, struct vdt_error *error);
void vdt_h5_free_texts(char **texts, size_t count);

#endif
