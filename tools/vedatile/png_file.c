/* cairo's PNG writer with errors that say why. */
#include "png_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef TOOL_FONTCONFIG
#include <fontconfig/fontconfig.h>
#endif

#include "report.h"

static cairo_status_t write_bytes(void *payload, const unsigned char *data, unsigned length)
{
    return fwrite(data, 1, length, payload) == length ? CAIRO_STATUS_SUCCESS
                                                      : CAIRO_STATUS_WRITE_ERROR;
}

bool png_write(cairo_surface_t *surface, FILE *file)
{
    return cairo_surface_write_to_png_stream(surface, write_bytes, file) == CAIRO_STATUS_SUCCESS;
}

vdt_status png_write_file(cairo_surface_t *surface, const char *path, struct vdt_error *error)
{
    size_t size = strlen(path) + 16;
    char *part = malloc(size);
    if (!part)
        return error_memory(error);
    snprintf(part, size, "%s.part", path);
    FILE *file = fopen(part, "wb");
    bool good = file && png_write(surface, file);
    int reason = errno;
    if (file && fclose(file)) {
        reason = good ? errno : reason;
        good = false;
    }
    if (good && rename(part, path)) {
        reason = errno;
        good = false;
    }
    if (!good && file)
        unlink(part);
    free(part);
    return good ? VDT_OK
                : error_set(error, VDT_ERR_IO, "%s: cannot be written: %s", path, strerror(reason));
}

void png_release_fonts(void)
{
    cairo_debug_reset_static_data();
#ifdef TOOL_FONTCONFIG
    FcFini();
#endif
}
