/* The HDF5 that runs. */
#ifndef STORE_VERSION_H
#define STORE_VERSION_H

/* "1.10.8"; static storage, any thread. */
const char *vdt_h5_version(void);

#endif
