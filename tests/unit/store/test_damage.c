#include "stores.h"

static char digest_a[65];

/* --- files that are no stores ----------------------------------------------------------------- */

/* Opening says in one line what file it is, and `word`; nothing is left and nothing changed. */
static void expect_refused_as(const char *path, vdt_status wanted, const char *word)
{
    struct vdt_reader *reader = NULL;
    struct vdt_writer *writer = NULL;
    struct vdt_check_report report;
    size_t size, after;
    unsigned char *data = read_file(path, &size);
    error.message[0] = '\0';
    vdt_status status = vdt_reader_open(path, &reader, &error);
    if (status != wanted || strstr(error.message, word) == NULL)
        fail_msg("%s, not \"%s\": %s", vdt_status_name(status), word, error.message);
    assert_null(reader);
    assert_non_null(strstr(error.message, path));
    assert_null(strchr(error.message, '\n'));
    assert_int_equal(vdt_check(path, NULL, NULL, &report, &error), wanted);
    assert_int_equal(vdt_writer_open(path, &writer, &error), wanted);
    assert_null(writer);
    unsigned char *again = read_file(path, &after);
    assert_int_equal(size, after);
    assert_memory_equal(data, again, size);
    free(data);
    free(again);
}

static void expect_refused(const char *path, const char *word)
{
    expect_refused_as(path, VDT_ERR_FORMAT, word);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("x.h5");
    struct vdt_reader *reader = NULL;
    assert_int_equal(vdt_reader_open(path, &reader, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_reader_open(folder, &reader, &error), VDT_ERR_FORMAT);
    write_file(path, "", 0);
    expect_refused(path, "not a store");
    write_file(path, "key,value\n1,2\n", 14);
    expect_refused(path, "not a store");
    hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    expect_refused(path, "vedatile_format");
    unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(vdt_reader_open(path, &reader, &error), VDT_ERR_FORMAT); /* and no waiting */
    assert_int_equal(files_in_folder(false), 1);
}

static void shortened_files_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_DEFLATE);
    make_store(path, &spec, 200);
    size_t size;
    unsigned char *data = read_file(path, &size);
    for (size_t cut = 0; cut < size - 8192; cut += cut < 5000 ? 97 : 40961) {
        write_file(path, data, cut);
        expect_refused(path, "");
    }
    free(data);
}

/* A flipped byte is found, by name, or was not part of the content. Never a crash. */
static void flipped_bytes_are_found(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_DEFLATE);
    spec.mask_codec = VDT_CODEC_RAW;
    make_store(path, &spec, 12);
    digest_of(path, digest_a);
    size_t size;
    unsigned char *data = read_file(path, &size);
    unsigned refused = 0, named = 0;
    for (uint64_t i = 0; i < 1500; i++) {
        char line[1024] = "";
        struct vdt_check_options options = {.threads = 1, .payload = line};
        struct vdt_check_report report = {0};
        /* Half of them where the metadata is, at the beginning. */
        size_t at = vdt_mix(i) % (i % 2 ? size : 16384);
        data[at] ^= (unsigned char)(1u << i % 8);
        write_file(path, data, size);
        data[at] ^= (unsigned char)(1u << i % 8);
        if (vdt_check(path, &options, keep_problem, &report, &error) != VDT_OK) {
            refused++;
            assert_non_null(strstr(error.message, path));
        } else if (report.problems > 0) {
            named++;
            assert_non_null(strstr(line, path));
            assert_non_null(strstr(line, "train"));
        } else if (strcmp(report.digest, digest_a) != 0)
            fail_msg("nobody saw byte %zu of %zu", at, size);
    }
    assert_true(refused > 100);
    assert_true(named > 5);
    free(data);
}

static void each_damaged_array_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *array, *place, *word;
    } arrays[] = {{"/train/images", "/train/images[0] at byte ", "image"},
                  {"/train/labels/mask", "/train/labels/mask[0] at byte ", "labels"},
                  {"/train/labels/instances", "/train/labels/mask[0] at byte ", "labels"},
                  {"/train/labels/onehot", "/train/labels/mask[0] at byte ", "labels"},
                  {"/train/labels/boxes", "/train/labels/mask[1] at byte ", "labels"},
                  {"/train/labels/box_class", "/train/labels/mask[2] at byte ", "labels"},
                  {"/train/labels/box_feature", "/train/labels/mask[1] at byte ", "labels"},
                  {"/train/labels/box_visible", "/train/labels/mask[1] at byte ", "labels"},
                  {"/train/samples", "/train sample 0 ", "row"},
                  {"/train/metadata/text", "/train sample 1 ", "metadata"}};
    const char *path = in_folder("a.h5"), *good = in_folder("good.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    make_store(good, &spec, 9);
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        char line[1024] = "";
        struct vdt_check_options options = {.payload = line};
        struct vdt_check_report report = {0};
        hsize_t start[4] = {0};
        hsize_t size = 0;
        uint32_t mask;
        copy_file(good, path);
        hid_t file = H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
        hid_t set = H5Dopen2(file, arrays[i].array, H5P_DEFAULT);
        H5Dget_chunk_storage_size(set, start, &size);
        unsigned char *chunk = malloc(size);
        assert_true(H5Dread_chunk(set, H5P_DEFAULT, start, &mask, chunk) >= 0);
        chunk[3] ^= 1;
        assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, 0, start, size, chunk) >= 0);
        free(chunk);
        H5Dclose(set);
        H5Fclose(file);
        assert_int_equal(vdt_check(path, &options, keep_problem, &report, &error), VDT_OK);
        assert_int_equal(report.problems, 1);
        assert_int_equal(report.samples, 9);
        assert_string_equal(report.digest, "");
        if (strstr(line, arrays[i].word) == NULL || strstr(line, arrays[i].place) == NULL)
            fail_msg("%s: %s", arrays[i].array, line);
    }
}

/* --- hostile files ---------------------------------------------------------------------------- */

static hid_t edit(const char *path)
{
    return H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
}

static hid_t a_dataset(hid_t file, const char *name, hid_t type, hsize_t rows, hsize_t chunk_rows,
                       int filter)
{
    hsize_t most = H5S_UNLIMITED;
    hid_t space = H5Screate_simple(1, &rows, &most), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, 1, &chunk_rows);
    if (filter > 0)
        H5Pset_filter(creation, filter, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Ldelete(file, name, H5P_DEFAULT);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Pclose(creation);
    H5Sclose(space);
    return set;
}

static void set_rows(hid_t file, const char *name, hsize_t rows)
{
    hsize_t dims[4] = {0};
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    H5Sget_simple_extent_dims(space, dims, NULL);
    dims[0] = rows;
    assert_true(H5Dset_extent(set, dims) >= 0);
    H5Sclose(space);
    H5Dclose(set);
}

static void huge_claims(hid_t file)
{
    set_rows(file, "train/images", (hsize_t)1 << 40);
}

static void huge_columns(hid_t file)
{
    set_rows(file, "train/labels/boxes", (hsize_t)1 << 62);
}

/* As many chunks as the file has bytes: believed at first, and then there is none. */
static void missing_chunks(hid_t file)
{
    set_rows(file, "train/images", 100000);
}

static void fewer_masks(hid_t file)
{
    set_rows(file, "train/labels/mask", 8);
}

static void more_boxes(hid_t file)
{
    set_rows(file, "train/labels/boxes", 1);
}

static void huge_tables(hid_t file)
{
    set_rows(file, "crs", 1 << 20);
}

static void no_images(hid_t file)
{
    H5Ldelete(file, "train/images", H5P_DEFAULT);
}

static void no_samples(hid_t file)
{
    H5Ldelete(file, "train/samples", H5P_DEFAULT);
}

static void no_labels(hid_t file)
{
    H5Ldelete(file, "train/labels", H5P_DEFAULT);
}

static void no_crs(hid_t file)
{
    H5Ldelete(file, "crs", H5P_DEFAULT);
}

static void external_images(hid_t file)
{
    H5Ldelete(file, "train/images", H5P_DEFAULT);
    H5Lcreate_external("good.h5", "/train/images", file, "train/images", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_labels(hid_t file)
{
    H5Ldelete(file, "train/labels", H5P_DEFAULT);
    H5Lcreate_external("good.h5", "/train/labels", file, "train/labels", H5P_DEFAULT, H5P_DEFAULT);
}

static void soft_samples(hid_t file)
{
    H5Lmove(file, "train/samples", file, "train/rows", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/train/rows", file, "train/samples", H5P_DEFAULT, H5P_DEFAULT);
}

static void external_scenes(hid_t file)
{
    H5Ldelete(file, "scenes", H5P_DEFAULT);
    H5Lcreate_external("good.h5", "/scenes", file, "scenes", H5P_DEFAULT, H5P_DEFAULT);
}

static void a_group_as_array(hid_t file)
{
    H5Ldelete(file, "train/images", H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "train/images", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
}

static void other_type(hid_t file)
{
    H5Dclose(a_dataset(file, "train/labels/box_class", H5T_STD_U32LE, 1, 32768, 0));
}

static void other_chunks(hid_t file)
{
    H5Dclose(a_dataset(file, "train/labels/box_class", H5T_STD_U16LE, 1, 100, 0));
}

static void other_filters(hid_t file)
{
    H5Dclose(a_dataset(file, "train/labels/box_class", H5T_STD_U16LE, 1, 32768, 32004));
}

static void other_shape(hid_t file)
{
    H5Dclose(a_dataset(file, "train/images", H5T_STD_U8LE, 9, 1, 0));
}

static void variable_length(hid_t file)
{
    hid_t type = H5Tvlen_create(H5T_STD_U8LE);
    H5Dclose(a_dataset(file, "train/metadata/text", type, 1, 65536, 0));
    H5Tclose(type);
}

static void virtual_images(hid_t file)
{
    hsize_t dims[4] = {9, 2, 5, 7};
    hid_t space = H5Screate_simple(4, dims, NULL), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_virtual(creation, space, "good.h5", "/train/images", space);
    H5Ldelete(file, "train/images", H5P_DEFAULT);
    H5Dclose(
        H5Dcreate2(file, "train/images", H5T_STD_U8LE, space, H5P_DEFAULT, creation, H5P_DEFAULT));
    H5Pclose(creation);
    H5Sclose(space);
}

static void long_chunk(hid_t file)
{
    hsize_t start[4] = {3};
    char bytes[5000] = {0};
    hid_t set = H5Dopen2(file, "train/images", H5P_DEFAULT);
    assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, 0, start, sizeof bytes, bytes) >= 0);
    H5Dclose(set);
}

static void masked_chunk(hid_t file)
{
    hsize_t start[4] = {3};
    char bytes[70] = {0};
    hid_t set = H5Dopen2(file, "train/images", H5P_DEFAULT);
    assert_true(H5Dwrite_chunk(set, H5P_DEFAULT, 1, start, 70, bytes) >= 0);
    H5Dclose(set);
}

static void write_offset(hid_t file, const char *name, hsize_t index, uint64_t value)
{
    hsize_t one = 1;
    hid_t set = H5Dopen2(file, name, H5P_DEFAULT), space = H5Dget_space(set);
    hid_t memory = H5Screate_simple(1, &one, NULL);
    H5Sselect_hyperslab(space, H5S_SELECT_SET, &index, NULL, &one, NULL);
    assert_true(H5Dwrite(set, H5T_NATIVE_UINT64, memory, space, H5P_DEFAULT, &value) >= 0);
    H5Sclose(memory);
    H5Sclose(space);
    H5Dclose(set);
}

static void falling_offsets(hid_t file)
{
    write_offset(file, "train/labels/box_offsets", 4, (uint64_t)1 << 60);
}

static void high_end(hid_t file)
{
    write_offset(file, "train/metadata/offsets", 9, (uint64_t)1 << 60);
}

static void late_start(hid_t file)
{
    write_offset(file, "train/metadata/offsets", 0, 1);
}

static void vlen_attribute(hid_t file)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    const char *text = "name";
    H5Tset_size(type, H5T_VARIABLE);
    H5Adelete(file, "name");
    hid_t attribute = H5Acreate2(file, "name", type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, &text);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void number_attribute(hid_t file)
{
    hid_t space = H5Screate(H5S_SCALAR);
    H5Adelete(file, "classes");
    H5Aclose(H5Acreate2(file, "classes", H5T_STD_U32LE, space, H5P_DEFAULT, H5P_DEFAULT));
    H5Sclose(space);
}

static void no_uuid(hid_t file)
{
    H5Adelete(file, "uuid");
}

static void set_text(hid_t file, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, strlen(text));
    if (H5Aexists(file, name) > 0)
        H5Adelete(file, name);
    hid_t attribute = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attribute, type, text);
    H5Aclose(attribute);
    H5Sclose(space);
    H5Tclose(type);
}

static void odd_type(hid_t file)
{
    set_text(file, "tile_dtype", "complex64");
}

static void broken_text(hid_t file)
{
    set_text(file, "name", "a\xfe");
}

static void later_format(hid_t file)
{
    set_text(file, "vedatile_format", "2.0");
}

static void odd_codec(hid_t file)
{
    set_text(file, "image_codec", "jpeg");
}

static void huge_tiles(hid_t file)
{
    hsize_t three = 3;
    uint32_t shape[3] = {2, 1u << 30, 1u << 30};
    hid_t space = H5Screate_simple(1, &three, NULL);
    hid_t attribute = H5Aopen(file, "tile_shape", H5P_DEFAULT);
    H5Awrite(attribute, H5T_NATIVE_UINT32, shape);
    H5Aclose(attribute);
    H5Sclose(space);
}

static void hostile_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        void (*spoil)(hid_t file);
        const char *word;
    } cases[] = {
        {huge_claims, "/train/images: 1099511627776 rows"},
        {huge_columns, "/train/labels/boxes: "},
        {missing_chunks, "/train/images: chunk 9 is missing"},
        {fewer_masks, "/train/labels/mask has 8 rows where 9 belong"},
        {more_boxes, "where 1 belong"},
        {huge_tables, "/crs"},
        {no_images, "/train/images: missing"},
        {no_samples, "/train/samples: missing"},
        {no_labels, "/train/labels/mask: missing"},
        {no_crs, "/crs"},
        {external_images, "/train/images: missing"},
        {external_labels, "/train/labels/mask: missing"},
        {soft_samples, "/train/samples: missing"},
        {external_scenes, "/scenes"},
        {a_group_as_array, "/train/images: missing"},
        {other_type, "/train/labels/box_class: type"},
        {other_chunks, "/train/labels/box_class: type"},
        {other_filters, "/train/labels/box_class: type"},
        {other_shape, "/train/images: type"},
        {variable_length, "/train/metadata/text: type"},
        {virtual_images, "/train/images: type"},
        {long_chunk, "/train/images: chunk 3 has a wrong size"},
        {masked_chunk, "/train/images: chunk 3 is missing"},
        {falling_offsets, "/train/labels/box_offsets does not rise"},
        {high_end, "/train/metadata/offsets does not rise"},
        {late_start, "/train/metadata/offsets does not rise"},
        {vlen_attribute, "\"name\" is not fixed-size text"},
        {number_attribute, "\"classes\" is not fixed-size text"},
        {no_uuid, "\"uuid\""},
        {odd_type, "pixel type"},
        {broken_text, "UTF-8"},
        {huge_tiles, "too large"},
    };
    char path[256], good[256];
    strcpy(path, in_folder("bad.h5"));
    strcpy(good, in_folder("good.h5"));
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_LZ4);
    make_store(good, &spec, 9);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        copy_file(good, path);
        hid_t file = edit(path);
        cases[i].spoil(file);
        H5Fclose(file);
        expect_refused(path, cases[i].word);
    }
    copy_file(good, path);
    hid_t file = edit(path);
    later_format(file);
    H5Fclose(file);
    expect_refused_as(path, VDT_ERR_UNSUPPORTED, "format 2.0");
    copy_file(good, path);
    file = edit(path);
    odd_codec(file);
    H5Fclose(file);
    expect_refused_as(path, VDT_ERR_UNSUPPORTED, "jpeg");
    assert_int_equal(files_in_folder(false), 2);
}

static void later_minor_formats_are_read_and_not_written(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 15, VDT_CODEC_RAW);
    struct vdt_writer *writer = NULL;
    make_store(path, &spec, 5);
    hid_t file = edit(path);
    set_text(file, "vedatile_format", "1.9");
    set_text(file, "mood", "good");
    H5Gclose(H5Gcreate2(file, "extras", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Fclose(file);
    expect_group(path, "train", &spec, 0, 5);
    assert_int_equal(vdt_writer_open(path, &writer, &error), VDT_ERR_UNSUPPORTED);
    assert_non_null(strstr(error.message, "format 1.9"));
    assert_int_equal(files_in_folder(false), 1);
    expect_group(path, "train", &spec, 0, 5);
}

/* The chunk index has no checksum: an address in it may be anything. */
static void chunks_outside_the_file_are_refused(void **state)
{
    (void)state;
    const char *path = in_folder("a.h5");
    struct vdt_store_spec spec = make_spec(VDT_UINT8, 0, VDT_CODEC_RAW);
    make_store(path, &spec, 9);
    size_t size, hits = 0;
    unsigned char *data = read_file(path, &size);
    hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
    hid_t set = H5Dopen2(file, "train/images", H5P_DEFAULT), space = H5Dget_space(set);
    haddr_t address = 0;
    assert_true(H5Dget_chunk_info(set, space, 4, NULL, NULL, &address, NULL) >= 0);
    H5Sclose(space);
    H5Dclose(set);
    H5Fclose(file);
    for (size_t at = 0; at + 8 <= size; at++)
        if (memcmp(data + at, &address, 8) == 0) {
            uint64_t far = size - 69;
            memcpy(data + at, &far, 8);
            write_file(path, data, size);
            expect_refused(path, "/train/images: chunk 4 ");
            memcpy(data + at, &(uint64_t){(uint64_t)1 << 61}, 8);
            write_file(path, data, size);
            expect_refused(path, "/train/images: chunk 4 ");
            memcpy(data + at, &address, 8);
            hits++;
        }
    assert_int_equal(hits, 1);
    free(data);
}

int main(void)
{
#define STORE_TEST(test) cmocka_unit_test_setup_teardown(test, clean, close_all)
    const struct CMUnitTest tests[] = {
        STORE_TEST(other_files_are_refused),
        STORE_TEST(shortened_files_are_refused),
        STORE_TEST(flipped_bytes_are_found),
        STORE_TEST(each_damaged_array_is_named),
        STORE_TEST(hostile_files_are_refused),
        STORE_TEST(later_minor_formats_are_read_and_not_written),
        STORE_TEST(chunks_outside_the_file_are_refused),
    };
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return cmocka_run_group_tests_name("store/damage", tests, make_folder, remove_folder);
}
