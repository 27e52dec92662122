#include "stores.h"

#include "store/object_header.h"
#include "store/table_file.h"

static char digest_a[65], digest_b[65];

enum { ROWS = 1000 };

static double boxes[ROWS][4];
static uint32_t labels[ROWS];

static void write_table(const char *path, const char *text, char *digest)
{
    struct vdt_table_writer *writer = NULL;
    for (uint64_t i = 0; i < ROWS; i++) {
        labels[i] = (uint32_t)vdt_mix(i);
        for (uint64_t k = 0; k < 4; k++)
            boxes[i][k] = (double)vdt_mix(4 * i + k) / 3;
    }
    assert_int_equal(vdt_table_writer_open(path, &writer, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_text(writer, "about", text, &error), VDT_OK);
    assert_int_equal(
        vdt_table_writer_put(writer, "records/box", VDT_FLOAT64, ROWS, 4, boxes, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_put(writer, "empty", VDT_UINT8, 0, 1, NULL, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_column(writer, "records/label", VDT_UINT32, ROWS, 1, &error),
                     VDT_OK);
    for (size_t i = 0; i < ROWS; i += 100)
        assert_int_equal(vdt_table_writer_append(writer, labels + i, 400, &error), VDT_OK);
    if (vdt_table_writer_finish(writer, digest, &error) != VDT_OK)
        fail_msg("%s", error.message);
    vdt_table_writer_free(writer);
}

/* Everything that the file says is right, or it says that it is not. */
static vdt_status read_table(const char *path)
{
    struct vdt_table_file *table = NULL;
    double(*box)[4] = NULL;
    uint32_t *label = NULL;
    uint8_t *none = NULL;
    uint64_t rows = 7;
    vdt_status status = vdt_table_file_open(path, &table, &error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "records/box", VDT_FLOAT64, UINT64_MAX, 4, false, &box,
                                     &rows, &error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "records/label", VDT_UINT32, rows, 1, false, &label,
                                     NULL, &error);
    if (status == VDT_OK)
        status = vdt_table_file_load(table, "nothing", VDT_UINT8, 5, 1, true, &none, NULL, &error);
    if (status == VDT_OK)
        status = vdt_table_file_verify(table, &error);
    if (status == VDT_OK) {
        assert_int_equal(rows, ROWS);
        assert_memory_equal(box, boxes, sizeof boxes);
        assert_memory_equal(label, labels, sizeof labels);
        assert_null(none);
        assert_int_equal(vdt_table_file_column(table, "empty")->rows, 0);
        snprintf(digest_b, sizeof digest_b, "%s", vdt_table_file_digest(table));
    }
    free(box);
    free(label);
    vdt_table_file_free(table);
    return status;
}

static void columns_come_back(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    write_table(path, "one", digest_a);
    assert_int_equal(read_table(path), VDT_OK);
    assert_string_equal(digest_a, digest_b);
    assert_int_equal(files_in_folder(false), 1);
    write_table(path, "two", digest_b); /* in its place */
    assert_string_not_equal(digest_a, digest_b);
    assert_int_equal(read_table(path), VDT_OK);
    assert_int_equal(files_in_folder(false), 1);
}

static void rows_are_read(void **state)
{
    (void)state;
    struct vdt_table_file *table = NULL;
    uint32_t some[3] = {0};
    write_table(in_folder("a.h5"), "one", NULL);
    assert_int_equal(vdt_table_file_open(in_folder("a.h5"), &table, &error), VDT_OK);
    const struct vdt_table_column *column = vdt_table_file_column(table, "records/label");
    assert_int_equal(vdt_table_file_read(table, column, 500, 3, some, &error), VDT_OK);
    assert_memory_equal(some, labels + 500, 12);
    assert_int_equal(vdt_table_file_read(table, column, ROWS - 2, 3, some, &error),
                     VDT_ERR_ARGUMENT);
    assert_string_equal(vdt_table_file_text(table, "about"), "one");
    assert_null(vdt_table_file_text(table, "aboute"));
    vdt_table_file_free(table);
}

static void an_unfinished_file_leaves_the_old_one(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_table_writer *writer = NULL, *second = NULL;
    write_table(path, "one", digest_a);
    assert_int_equal(vdt_table_writer_open(path, &writer, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_put(writer, "x", VDT_UINT32, ROWS, 1, labels, &error),
                     VDT_OK);
    assert_int_equal(vdt_table_writer_open(path, &second, &error), VDT_ERR_BUSY);
    vdt_table_writer_free(writer);
    assert_int_equal(read_table(path), VDT_OK);
    assert_string_equal(digest_a, digest_b);
    assert_int_equal(files_in_folder(false), 1);
}

static void half_a_column_is_refused(void **state)
{
    (void)state;
    struct vdt_table_writer *writer = NULL;
    assert_int_equal(vdt_table_writer_open(in_folder("a.h5"), &writer, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_column(writer, "x", VDT_UINT32, 4, 1, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_append(writer, labels, 17, &error), VDT_ERR_ARGUMENT);
    assert_int_equal(vdt_table_writer_append(writer, labels, 12, &error), VDT_OK);
    assert_int_equal(vdt_table_writer_finish(writer, NULL, &error), VDT_ERR_ARGUMENT);
    vdt_table_writer_free(writer);
    assert_int_equal(files_in_folder(false), 0);
}

/* --- files of others ------------------------------------------------------------------------- */

static void flipped_and_missing_bytes_are_found(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    write_table(path, "one", digest_a);
    size_t size;
    unsigned found = 0;
    unsigned char *data = read_file(path, &size);
    for (uint64_t i = 0; i < 2500; i++) {
        size_t at = vdt_mix(i) % (i % 4 == 0 ? size : 4096);
        unsigned char bit = (unsigned char)(1u << i % 8);
        data[at] ^= bit;
        write_file(path, data, size);
        data[at] ^= bit;
        vdt_status status = read_table(path); /* compares, when it says that all is well */
        found += status != VDT_OK;
    }
    assert_true(found > 500);
    for (size_t cut = 0; cut < size; cut += 509) {
        write_file(path, data, cut);
        vdt_status status = read_table(path);
        if (status != VDT_ERR_FORMAT && status != VDT_OK)
            fail_msg("cut at %zu of %zu: %s", cut, size, error.message);
    }
    free(data);
}

/* Adds one thing to a whole file. */
static hid_t opened_by_hdf5(const char *path)
{
    write_table(path, "one", NULL);
    hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

static void expect(const char *path, const char *word)
{
    assert_int_equal(read_table(path), VDT_ERR_FORMAT);
    if (strstr(error.message, word) == NULL || strstr(error.message, path) == NULL)
        fail_msg("not \"%s\": %s", word, error.message);
}

static void what_is_no_column_is_refused(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    hid_t file = opened_by_hdf5(path);
    H5Lcreate_external("other.h5", "/x", file, "far", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect(path, "/far is no plain column");
    file = opened_by_hdf5(path);
    H5Lcreate_soft("/records/box", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect(path, "/soft is no plain column");
    file = opened_by_hdf5(path);
    H5Gclose(H5Gcreate2(file, "records/deeper", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    expect(path, "/records/deeper is no plain column");
    file = opened_by_hdf5(path);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, H5T_VARIABLE);
    hsize_t dims = 2, chunk = 1;
    hid_t space = H5Screate_simple(1, &dims, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Dclose(H5Dcreate2(file, "texts", text, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Fclose(file);
    expect(path, "/texts is no plain column");
    file = opened_by_hdf5(path);
    H5Pset_chunk(creation, 1, &chunk);
    H5Dclose(H5Dcreate2(file, "chunks", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Fclose(file);
    expect(path, "/chunks is no plain column");
    file = opened_by_hdf5(path);
    hid_t dataset = H5Dopen2(file, "records/label", H5P_DEFAULT);
    labels[17]++;
    H5Dwrite(dataset, H5T_NATIVE_UINT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, labels);
    H5Dclose(dataset);
    H5Fclose(file);
    expect(path, "content_sha256");
    H5Pclose(creation);
    H5Sclose(space);
    H5Tclose(text);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct vdt_table_file *table = NULL;
    assert_int_equal(vdt_table_file_open(in_folder("none"), &table, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_table_file_open(folder, &table, &error), VDT_ERR_FORMAT);
    write_file(in_folder("x"), "a,b\n1,2\n", 8);
    assert_int_equal(vdt_table_file_open(in_folder("x"), &table, &error), VDT_ERR_FORMAT);
    assert_null(table);
}

/* The examples of its author, as bytes. */
static void lookup3_is_as_its_author_has_it(void **state)
{
    (void)state;
    assert_int_equal(vdt_lookup3("", 0), 0xdeadbeef);
    assert_int_equal(vdt_lookup3("Four score and seven years ago", 30), 0x17770551);
}

/* HDF5 is not asked to read an object header that is damaged, whichever byte of it is. */
static void object_headers_are_checked_first(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_table_file *table = NULL;
    size_t size;
    write_table(path, "one", digest_a);
    unsigned char *bytes = read_file(path, &size), *end = bytes + size;
    size_t headers = 0;
    for (unsigned char *at = bytes; at + 40 < end; at++) {
        headers += memcmp(at, "OHDR", 4) == 0;
        for (size_t byte = 6; memcmp(at, "OHDR", 4) == 0 && byte < 40; byte += 11) {
            at[byte] ^= 16;
            write_file(path, (const char *)bytes, size);
            assert_int_equal(vdt_table_file_open(path, &table, &error), VDT_ERR_FORMAT);
            assert_non_null(strstr(error.message, ": damaged: the object header at byte "));
            at[byte] ^= 16;
        }
    }
    assert_true(headers >= 5); /* the root, the folder, three columns */
    free(bytes);
}

static int empty_folder(void **state)
{
    (void)state;
    files_in_folder(true);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(columns_come_back, empty_folder),
        cmocka_unit_test_teardown(rows_are_read, empty_folder),
        cmocka_unit_test_teardown(an_unfinished_file_leaves_the_old_one, empty_folder),
        cmocka_unit_test_teardown(half_a_column_is_refused, empty_folder),
        cmocka_unit_test_teardown(flipped_and_missing_bytes_are_found, empty_folder),
        cmocka_unit_test_teardown(what_is_no_column_is_refused, empty_folder),
        cmocka_unit_test_teardown(other_files_are_refused, empty_folder),
        cmocka_unit_test(lookup3_is_as_its_author_has_it),
        cmocka_unit_test_teardown(object_headers_are_checked_first, empty_folder),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
