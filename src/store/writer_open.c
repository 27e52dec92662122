/* Stores are created and opened to be grown. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/path.h"
#include "store/driver.h"
#include "store/h5.h"
#include "store/reader.h"
#include "store/writer_state.h"

static void writer_cleanup(struct vdt_writer **writer)
{
    vdt_writer_free(*writer);
}

static struct vdt_writer *new_writer(const char *path)
{
    struct vdt_writer *writer = calloc(1, sizeof *writer);
    if (writer == NULL)
        return NULL;
    writer->h5 = -1;
    writer->path = vdt_copy_string(path);
    if (writer->path == NULL) {
        free(writer);
        return NULL;
    }
    return writer;
}

/* --- creating ----------------------------------------------------------------------------- */

static vdt_status create_content(struct vdt_writer *writer, struct vdt_error *error)
{
    vdt_status status = vdt_file_hdf5(writer->file, &writer->h5, error);
    if (status == VDT_OK)
        status = vdt_header_write(writer->h5, &writer->header, error);
    if (status == VDT_OK)
        status = vdt_table_create(writer->h5, VDT_TABLE_SCENES, error);
    if (status == VDT_OK)
        status = vdt_table_create(writer->h5, VDT_TABLE_CRS, error);
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

static char **default_band_names(uint32_t bands)
{
    char **names = vdt_allocate_zero(bands, sizeof *names);
    for (uint32_t b = 0; names != NULL && b < bands; b++) {
        char name[32];
        snprintf(name, sizeof name, "band_%u", b + 1);
        names[b] = vdt_copy_string(name);
        if (names[b] == NULL) {
            vdt_h5_free_texts(names, b);
            return NULL;
        }
    }
    return names;
}

static vdt_status make_header(struct vdt_writer *writer, const struct vdt_store_spec *spec,
                              struct vdt_error *error)
{
    struct vdt_store_spec full = *spec;
    if (spec->image_codec == VDT_CODEC_AUTO || spec->mask_codec == VDT_CODEC_AUTO)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: choose a codec: raw, lz4, deflate or zstd",
                        writer->path);
    vdt_cleanup(vdt_free_pointer) char *stem = vdt_path_stem(writer->path);
    char **bands = spec->band_names == NULL ? default_band_names(spec->tile.bands) : NULL;
    if (stem == NULL || (spec->band_names == NULL && bands == NULL))
        return vdt_fail_memory(error, writer->path);
    if (full.name == NULL)
        full.name = stem;
    if (full.band_names == NULL)
        full.band_names = (const char *const *)bands;
    struct vdt_error reason;
    vdt_status status = vdt_header_make(&writer->header, &full, &reason);
    if (bands != NULL)
        vdt_h5_free_texts(bands, spec->tile.bands);
    return status == VDT_OK ? VDT_OK
                            : vdt_fail(error, status, "%s: %s", writer->path, reason.message);
}

vdt_status vdt_writer_create(const char *path, const struct vdt_store_spec *spec,
                             struct vdt_writer **out, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = new_writer(path);
    if (writer == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = make_header(writer, spec, error);
    if (status == VDT_OK)
        status = vdt_file_create(path, &writer->file, error);
    if (status == VDT_OK)
        status = create_content(writer, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
    return VDT_OK;
}

/* --- opening ------------------------------------------------------------------------------ */

static vdt_status open_group(struct vdt_writer *writer, const struct vdt_reader *reader,
                             size_t index, struct vdt_error *error)
{
    struct vdt_writer_group *group = NULL;
    vdt_status status =
        vdt_writer_add_group(writer, vdt_reader_group_name(reader, index), &group, error);
    if (status != VDT_OK)
        return status;
    group->id = H5Gopen2(writer->h5, group->name, H5P_DEFAULT);
    for (int a = 0; status == VDT_OK && a < VDT_ARRAYS; a++)
        if (vdt_array_present(&writer->header.layout, (enum vdt_array)a))
            status = vdt_column_open(&group->columns[a], group->id, &writer->header.layout,
                                     (enum vdt_array)a, error);
    group->count = vdt_reader_count(reader, index);
    group->box_count = vdt_reader_box_count(reader, index);
    group->text_bytes = vdt_reader_text_bytes(reader, index);
    for (uint64_t i = 0; status == VDT_OK && i < group->count; i++) {
        struct vdt_sample sample;
        bool added;
        status = vdt_reader_sample(reader, index, i, &sample, NULL, error);
        if (status == VDT_OK && !vdt_keys_add(&writer->keys, sample.key, &added))
            status = vdt_fail_memory(error, writer->path);
    }
    return status;
}

static void reader_cleanup(struct vdt_reader **reader)
{
    vdt_reader_free(*reader);
}

/* The reader checks every array before the writer trusts the file. */
static vdt_status open_content(struct vdt_writer *writer, struct vdt_error *error)
{
    vdt_cleanup(reader_cleanup) struct vdt_reader *reader = NULL;
    vdt_status status = vdt_reader_open(writer->path, &reader, error);
    if (status == VDT_OK)
        status = vdt_file_hdf5(writer->file, &writer->h5, error);
    if (status == VDT_OK)
        status = vdt_header_read(writer->h5, writer->path, &writer->header, error);
    if (status == VDT_OK && strcmp(writer->header.format, VDT_STORE_FORMAT) != 0)
        status = vdt_fail(error, VDT_ERR_UNSUPPORTED,
                          "%s: format %s; this program adds to stores of format %s only",
                          writer->path, writer->header.format, VDT_STORE_FORMAT);
    for (size_t g = 0; status == VDT_OK && g < vdt_reader_group_count(reader); g++)
        status = open_group(writer, reader, g, error);
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_scene_count(reader); i++)
        status = vdt_writer_note_scene(writer, vdt_reader_scene(reader, i).digest, error);
    for (size_t i = 0; status == VDT_OK && i < vdt_reader_crs_count(reader); i++)
        status = vdt_writer_note_crs(writer, vdt_reader_crs(reader, i), error);
    return status == VDT_OK ? VDT_OK : vdt_writer_lose(writer, status, error);
}

vdt_status vdt_writer_open(const char *path, struct vdt_writer **out, struct vdt_error *error)
{
    VDT_H5_QUIET;
    vdt_cleanup(writer_cleanup) struct vdt_writer *writer = new_writer(path);
    if (writer == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_file_open_write(path, &writer->file, error);
    if (status == VDT_OK)
        status = open_content(writer, error);
    if (status != VDT_OK)
        return status;
    *out = writer;
    writer = NULL;
    return VDT_OK;
}
