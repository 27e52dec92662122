/* Versions of the libraries that this folder owns. */
#ifndef SOURCE_VERSION_H
#define SOURCE_VERSION_H

#include <stddef.h>

/* "GDAL x\nPROJ y\nGEOS z" */
void vdt_source_versions(char *text, size_t size);

#endif
