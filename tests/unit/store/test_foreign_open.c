#include "stores.h"

#include <vedatile/hdf5.h>

/* --- one dataset after another in a file of the test's own
 * ---------------------------------------- */

static const char *path;
static hid_t file;

static int make_file(void **state)
{
    int result = make_folder(state);
    path = in_folder("x.h5");
    file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    return result != 0 || file < 0;
}

/* Chunks of a single value when `creation` is chunked; takes `creation`. */
static hid_t make_set(const char *name, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
    hid_t space = rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, dims, NULL);
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    assert_true(set >= 0);
    H5Sclose(space);
    if (creation != H5P_DEFAULT)
        H5Pclose(creation);
    return set;
}

static void add_set(const char *name, hid_t type, int rank, const hsize_t *dims, hid_t creation)
{
    H5Dclose(make_set(name, type, rank, dims, creation));
}

static const hsize_t three[3] = {5, 4, 3};
static const hsize_t four[4] = {5, 4, 3, 2};

static hid_t chunked(int rank, const hsize_t *chunk)
{
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    assert_true(H5Pset_chunk(creation, rank, chunk) >= 0);
    return creation;
}

static vdt_status open_as(const char *images, const char *labels, enum vdt_axes axes,
                          struct vdt_hdf5_spec *spec)
{
    struct vdt_hdf5 *opened = NULL;
    struct vdt_hdf5_options options = {.images = images, .labels = labels, .axes = axes};
    error.message[0] = '\0';
    H5Fflush(file, H5F_SCOPE_LOCAL);
    vdt_status status = vdt_hdf5_open(path, &options, &opened, &error);
    if (status != VDT_OK) {
        assert_null(opened);
        assert_null(strchr(error.message, '\n'));
        assert_non_null(strstr(error.message, path));
        return status;
    }
    *spec = vdt_hdf5_spec(opened);
    assert_string_equal(vdt_hdf5_path(opened), path);
    vdt_hdf5_free(opened);
    return status;
}

/* The message has all the words. */
static void expect_refused(const char *images, const char *labels, vdt_status wanted,
                           const char *first, const char *second)
{
    struct vdt_hdf5_spec spec;
    vdt_status status = open_as(images, labels, VDT_AXES_STORED, &spec);
    if (status != wanted || strstr(error.message, first) == NULL ||
        strstr(error.message, second) == NULL)
        fail_msg("%s, not \"%s\" and \"%s\": %s", vdt_status_name(status), first, second,
                 error.message);
}

static struct vdt_hdf5_spec expect_open(const char *images, const char *labels)
{
    struct vdt_hdf5_spec spec = {0};
    if (open_as(images, labels, VDT_AXES_STORED, &spec) != VDT_OK)
        fail_msg("%s", error.message);
    return spec;
}

/* --- types
 * ---------------------------------------------------------------------------------------- */

static hid_t half(hid_t order_of)
{
    hid_t type = H5Tcopy(order_of);
    H5Tset_fields(type, 15, 10, 5, 0, 10);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, 15);
    return type;
}

static hid_t enumeration(hid_t base, const char *first, const char *second)
{
    signed char value = 0;
    hid_t type = H5Tenum_create(base);
    H5Tenum_insert(type, first, &value);
    value = 1;
    H5Tenum_insert(type, second, &value);
    return type;
}

static void plain_types_are_read(void **state)
{
    (void)state;
    const struct {
        hid_t type;
        enum vdt_dtype dtype;
    } types[] = {{H5T_STD_U8BE, VDT_UINT8},
                 {H5T_STD_I8LE, VDT_INT8},
                 {H5T_STD_U16BE, VDT_UINT16},
                 {H5T_STD_I16LE, VDT_INT16},
                 {H5T_STD_U32LE, VDT_UINT32},
                 {H5T_STD_I32BE, VDT_INT32},
                 {H5T_STD_U64LE, VDT_UINT64},
                 {H5T_STD_I64BE, VDT_INT64},
                 {H5T_IEEE_F32BE, VDT_FLOAT32},
                 {H5T_IEEE_F64LE, VDT_FLOAT64},
                 {H5T_STD_B8LE, VDT_UINT8},
                 {half(H5T_IEEE_F32LE), VDT_FLOAT16},
                 {half(H5T_IEEE_F32BE), VDT_FLOAT16},
                 {enumeration(H5T_STD_I8LE, "FALSE", "TRUE"), VDT_UINT8}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "/t%zu", i);
        add_set(name, types[i].type, 3, three, H5P_DEFAULT);
        struct vdt_hdf5_spec spec = expect_open(name, name);
        assert_int_equal(spec.tile.dtype, types[i].dtype);
        assert_int_equal(spec.label_dtype, types[i].dtype);
    }
}

static hid_t unusual(hid_t base, size_t precision)
{
    hid_t type = H5Tcopy(base);
    H5Tset_precision(type, precision);
    return type;
}

static hid_t short_float(size_t bias)
{
    hid_t type = H5Tcopy(H5T_IEEE_F32LE);
    H5Tset_fields(type, 15, 7, 8, 0, 7);
    H5Tset_size(type, 2);
    H5Tset_ebias(type, bias);
    return type;
}

static void other_types_are_refused_by_name(void **state)
{
    (void)state;
    hsize_t two = 2;
    hid_t compound = H5Tcreate(H5T_COMPOUND, 8);
    H5Tinsert(compound, "r", 0, H5T_IEEE_F32LE);
    H5Tinsert(compound, "i", 4, H5T_IEEE_F32LE);
    hid_t text = H5Tcopy(H5T_C_S1);
    H5Tset_size(text, 7);
    const struct {
        hid_t type;
        const char *word;
    } types[] = {{compound, "compound"},
                 {text, "text"},
                 {H5Tvlen_create(H5T_STD_U8LE), "varying length"},
                 {H5Tarray_create2(H5T_STD_U8LE, 1, &two), "arrays"},
                 {H5Tcreate(H5T_OPAQUE, 4), "opaque"},
                 {H5T_STD_REF_OBJ, "references"},
                 {H5T_STD_B16LE, "bit fields"},
                 {enumeration(H5T_STD_I8LE, "FALSE", "YES"), "enumeration"},
                 {enumeration(H5T_STD_I8LE, "NO", "TRUE"), "enumeration"},
                 {enumeration(H5T_STD_I8LE, "TRUE", "FALSE"), "enumeration"},
                 {unusual(H5T_STD_U16LE, 12), "integers of an unusual"},
                 {short_float(127), "floats of an unusual"},
                 {short_float(15), "floats of an unusual"},
                 {H5T_NATIVE_LDOUBLE, "floats of an unusual"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        char name[16];
        snprintf(name, sizeof name, "/t%zu", i);
        add_set(name, types[i].type, 3, three, H5P_DEFAULT);
        expect_refused(name, NULL, VDT_ERR_UNSUPPORTED, name, types[i].word);
    }
}

/* --- shapes
 * --------------------------------------------------------------------------------------- */

static void shapes_of_images(void **state)
{
    (void)state;
    static const struct {
        int rank;
        hsize_t dims[4];
        enum vdt_axes asked, axes;
        uint32_t bands, rows, cols;
    } cases[] = {{3, {5, 4, 3}, VDT_AXES_STORED, VDT_AXES_CHW, 1, 4, 3},
                 {3, {5, 4, 3}, VDT_AXES_HWC, VDT_AXES_HWC, 1, 4, 3},
                 {4, {5, 3, 8, 9}, VDT_AXES_STORED, VDT_AXES_CHW, 3, 8, 9},
                 {4, {5, 8, 9, 3}, VDT_AXES_STORED, VDT_AXES_HWC, 3, 8, 9},
                 {4, {5, 8, 9, 5}, VDT_AXES_STORED, VDT_AXES_CHW, 8, 9, 5},
                 {4, {5, 8, 9, 5}, VDT_AXES_HWC, VDT_AXES_HWC, 5, 8, 9},
                 {4, {5, 4, 9, 4}, VDT_AXES_STORED, VDT_AXES_CHW, 4, 9, 4},
                 {4, {5, 5, 9, 4}, VDT_AXES_STORED, VDT_AXES_HWC, 4, 5, 9},
                 {4, {5, 8, 9, 3}, VDT_AXES_CHW, VDT_AXES_CHW, 8, 9, 3},
                 {4, {0, 8, 9, 3}, VDT_AXES_STORED, VDT_AXES_HWC, 3, 8, 9}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char name[16];
        struct vdt_hdf5_spec spec = {0};
        snprintf(name, sizeof name, "s%zu", i);
        add_set(name, H5T_STD_U16LE, cases[i].rank, cases[i].dims, H5P_DEFAULT);
        assert_int_equal(open_as(name, NULL, cases[i].asked, &spec), VDT_OK);
        assert_int_equal(spec.count, cases[i].dims[0]);
        assert_int_equal(spec.axes, cases[i].axes);
        assert_int_equal(spec.tile.bands, cases[i].bands);
        assert_int_equal(spec.tile.rows, cases[i].rows);
        assert_int_equal(spec.tile.cols, cases[i].cols);
        assert_int_equal(spec.label_dtype, 0);
    }
    struct vdt_hdf5_spec spec;
    assert_int_equal(open_as("s0", NULL, 7, &spec), VDT_ERR_ARGUMENT);
    assert_int_equal(open_as(NULL, NULL, VDT_AXES_STORED, &spec), VDT_ERR_ARGUMENT);
}

static void shapes_of_labels(void **state)
{
    (void)state;
    static const hsize_t dims[9] = {5, 2, 3, 1, 2, 1, 1, 2, 1};
    add_set("x", H5T_STD_U8LE, 3, three, H5P_DEFAULT);
    add_set("one", H5T_STD_U16LE, 1, dims, H5P_DEFAULT);
    add_set("most", H5T_STD_U16LE, 9, dims, H5P_DEFAULT);
    struct vdt_hdf5_spec spec = expect_open("x", "one");
    assert_int_equal(spec.label_rank, 0);
    assert_int_equal(spec.label_bytes, 2);
    spec = expect_open("x", "most");
    assert_int_equal(spec.label_rank, 8);
    for (int k = 0; k < 8; k++)
        assert_int_equal(spec.label_shape[k], dims[k + 1]);
    assert_int_equal(spec.label_bytes, 48);
}

static void other_shapes_are_refused(void **state)
{
    (void)state;
    static const hsize_t other[10] = {6, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    static const hsize_t empty[3] = {5, 0, 3}, large[3] = {2, 32769, 32768};
    static const hsize_t huge[4] = {2, UINT32_MAX, UINT32_MAX, UINT32_MAX};
    static const hsize_t chunk[3] = {1, 32769, 32768};
    static const hsize_t endless[3] = {(hsize_t)1 << 60, 4, 4}, small[3] = {1, 4, 4};
    add_set("x", H5T_STD_U8LE, 3, three, H5P_DEFAULT);
    add_set("y", H5T_STD_U8LE, 1, other, H5P_DEFAULT);
    add_set("ten", H5T_STD_U8LE, 10, other, H5P_DEFAULT);
    add_set("scalar", H5T_STD_U8LE, 0, NULL, H5P_DEFAULT);
    add_set("empty", H5T_STD_U8LE, 3, empty, H5P_DEFAULT);
    add_set("large", H5T_STD_U8LE, 3, large, H5P_DEFAULT);
    add_set("huge", H5T_STD_U8LE, 4, huge, chunked(4, other + 1));
    add_set("long", H5T_STD_U8LE, 3, endless, chunked(3, small));
    add_set("chunk", H5T_STD_U8LE, 3, large, chunked(3, chunk));
    expect_refused("x", "y", VDT_ERR_MISMATCH, "/y: has 6", "the images have 5");
    expect_refused("y", NULL, VDT_ERR_UNSUPPORTED, "/y", "1 axes");
    expect_refused("ten", NULL, VDT_ERR_UNSUPPORTED, "/ten", "10 axes");
    expect_refused("scalar", NULL, VDT_ERR_UNSUPPORTED, "/scalar", "0 axes");
    expect_refused("x", "scalar", VDT_ERR_UNSUPPORTED, "/scalar", "0 axes");
    expect_refused("empty", NULL, VDT_ERR_UNSUPPORTED, "/empty", "empty");
    expect_refused("large", NULL, VDT_ERR_UNSUPPORTED, "/large", "1 GiB");
    expect_refused("huge", NULL, VDT_ERR_UNSUPPORTED, "/huge", "1 GiB");
    expect_refused("chunk", NULL, VDT_ERR_UNSUPPORTED, "/chunk", "1 GiB");
    expect_refused("long", NULL, VDT_ERR_FORMAT, "/long", "more than a file of");
}

/* A sample may be small where the chunk is not. */
static void large_chunks_are_refused(void **state)
{
    (void)state;
    static const hsize_t dims[3] = {40000, 300, 100}, chunk[3] = {35792, 300, 100};
    add_set("x", H5T_STD_U8LE, 3, dims, chunked(3, chunk));
    expect_refused("x", NULL, VDT_ERR_UNSUPPORTED, "/x: a chunk", "1 GiB");
}

/* --- filters
 * -------------------------------------------------------------------------------------- */

static void other_filters_are_refused_by_name(void **state)
{
    (void)state;
    hid_t unknown = chunked(3, three), twice = chunked(3, three), many = chunked(3, three);
    hid_t scale = chunked(3, three);
    H5Pset_filter(unknown, 307, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Pset_deflate(twice, 1);
    H5Pset_filter(twice, 32015, H5Z_FLAG_OPTIONAL, 0, NULL);
    H5Pset_scaleoffset(scale, H5Z_SO_INT, 0);
    for (int i = 0; i < 9; i++)
        H5Pset_fletcher32(many);
    add_set("unknown", H5T_STD_U16LE, 3, three, unknown);
    add_set("twice", H5T_STD_U16LE, 3, three, twice);
    add_set("many", H5T_STD_U16LE, 3, three, many);
    add_set("scale", H5T_STD_U16LE, 3, three, scale);
    expect_refused("unknown", NULL, VDT_ERR_UNSUPPORTED, "/unknown: filter 307", "not supported");
    expect_refused("scale", NULL, VDT_ERR_UNSUPPORTED, "/scale: filter 6", "scaleoffset");
    expect_refused("twice", NULL, VDT_ERR_UNSUPPORTED, "/twice", "compressed twice");
    expect_refused("many", NULL, VDT_ERR_UNSUPPORTED, "/many", "9 filters");
}

/* --- where values lie
 * ----------------------------------------------------------------------------- */

static void values_of_other_files_are_refused(void **state)
{
    (void)state;
    hid_t external = H5Pcreate(H5P_DATASET_CREATE), virtual = H5Pcreate(H5P_DATASET_CREATE);
    hid_t space = H5Screate_simple(3, three, NULL);
    write_file(in_folder("values"), "", 0);
    H5Pset_external(external, in_folder("values"), 0, 60);
    H5Pset_virtual(virtual, space, in_folder("other.h5"), "/x", space);
    H5Sclose(space);
    add_set("external", H5T_STD_U8LE, 3, three, external);
    add_set("virtual", H5T_STD_U8LE, 3, three, virtual);
    copy_file(path, in_folder("other.h5"));
    H5Lcreate_external(in_folder("other.h5"), "/external", file, "link", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    H5Lcreate_external(in_folder("other.h5"), "/", file, "g/out", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g/out/external", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
    expect_refused("external", NULL, VDT_ERR_UNSUPPORTED, "/external", "external storage");
    expect_refused("virtual", NULL, VDT_ERR_UNSUPPORTED, "/virtual", "virtual dataset");
    expect_refused("link", NULL, VDT_ERR_UNSUPPORTED, "link leads", "other.h5");
    expect_refused("g/out/external", NULL, VDT_ERR_UNSUPPORTED, "leads", "other.h5");
    expect_refused("soft", NULL, VDT_ERR_UNSUPPORTED, "soft leads", "other.h5");
    unlink(in_folder("values"));
}

static void paths_are_followed(void **state)
{
    (void)state;
    hid_t group = H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    add_set("g/x", H5T_STD_U8LE, 3, three, H5P_DEFAULT);
    H5Lcreate_soft("x", group, "near", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/g/near", file, "far", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_hard(file, "g", group, "loop", H5P_DEFAULT, H5P_DEFAULT);
    H5Lcreate_soft("/round", file, "round", H5P_DEFAULT, H5P_DEFAULT);
    H5Gclose(group);
    static const char *const paths[] = {"g/x", "/g/x", "g/near", "/far", "g/loop/loop/x"};
    for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
        assert_int_equal(expect_open(paths[i], "g/x").count, 5);
    expect_refused("round", NULL, VDT_ERR_NOT_FOUND, "no dataset \"round\"", "/g/");
}

static void a_wrong_path_lists_the_datasets(void **state)
{
    (void)state;
    expect_refused("x", NULL, VDT_ERR_NOT_FOUND, "no dataset \"x\"", "there is: none");
    H5Gclose(H5Gcreate2(file, "g", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    add_set("g/images", H5T_STD_U8LE, 3, three, H5P_DEFAULT);
    add_set("labels", H5T_STD_U8LE, 1, three, H5P_DEFAULT);
    expect_refused("x", NULL, VDT_ERR_NOT_FOUND, "\"x\"", "there is: /g/images, /labels");
    expect_refused("/g", NULL, VDT_ERR_NOT_FOUND, "\"/g\"", "/g/images");
    expect_refused("/g/images", "y", VDT_ERR_NOT_FOUND, "\"y\"", "/labels");
    for (int i = 0; i < 100; i++) {
        char name[32];
        snprintf(name, sizeof name, "one_of_a_hundred_%02d", i);
        add_set(name, H5T_STD_U8LE, 1, three, H5P_DEFAULT);
    }
    expect_refused("x", NULL, VDT_ERR_NOT_FOUND, "one_of_a_hundred_00", "more");
}

static void other_files_are_refused(void **state)
{
    (void)state;
    struct vdt_hdf5 *opened = NULL;
    struct vdt_hdf5_options options = {.images = "x"};
    const char *other = in_folder("y.h5");
    assert_int_equal(vdt_hdf5_open(other, &options, &opened, &error), VDT_ERR_NOT_FOUND);
    assert_int_equal(vdt_hdf5_open(folder, &options, &opened, &error), VDT_ERR_FORMAT);
    write_file(other, "key,value\n1,2\n", 14);
    assert_int_equal(vdt_hdf5_open(other, &options, &opened, &error), VDT_ERR_FORMAT);
    assert_non_null(strstr(error.message, "no whole HDF5 file"));
    assert_null(opened);
    vdt_hdf5_free(NULL);
    assert_int_equal(files_in_folder(false), 2);
}

/* --- layouts without chunks
 * ----------------------------------------------------------------------- */

static hid_t with_layout(H5D_layout_t layout, H5D_fill_time_t when)
{
    uint16_t fill = 513;
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(creation, layout);
    H5Pset_fill_value(creation, H5T_NATIVE_UINT16, &fill);
    H5Pset_fill_time(creation, when);
    return creation;
}

static void expect_values(const char *name, const uint16_t *wanted)
{
    struct vdt_hdf5 *opened = NULL;
    struct vdt_hdf5_options options = {.images = name, .labels = name};
    uint16_t values[24];
    H5Fflush(file, H5F_SCOPE_LOCAL);
    assert_int_equal(vdt_hdf5_open(path, &options, &opened, &error), VDT_OK);
    for (uint64_t i = 5; i-- > 0;) {
        assert_int_equal(vdt_hdf5_image(opened, i, values, &error), VDT_OK);
        assert_memory_equal(values, wanted + 24 * i, sizeof values);
        assert_int_equal(vdt_hdf5_label(opened, i, values, &error), VDT_OK);
        assert_memory_equal(values, wanted + 24 * i, sizeof values);
    }
    assert_int_equal(vdt_hdf5_image(opened, 5, values, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "sample 5 of 5"));
    vdt_hdf5_free(opened);
}

static void layouts_without_chunks_are_read(void **state)
{
    (void)state;
    uint16_t values[120], filled[120], zeros[120] = {0};
    for (int user_block = 0; user_block < 2; user_block++) {
        hid_t creation = H5Pcreate(H5P_FILE_CREATE);
        H5Pset_userblock(creation, user_block == 0 ? 0 : 2048);
        H5Fclose(file);
        file = H5Fcreate(path, H5F_ACC_TRUNC, creation, H5P_DEFAULT);
        H5Pclose(creation);
        for (int i = 0; i < 120; i++) {
            values[i] = (uint16_t)(1000 * i + 7);
            filled[i] = 513;
        }
        const H5D_layout_t layouts[] = {H5D_CONTIGUOUS, H5D_COMPACT};
        for (int l = 0; l < 2; l++) {
            const char *name = l == 0 ? "contiguous" : "compact";
            hid_t set = make_set(name, H5T_STD_U16BE, 4, four,
                                 with_layout(layouts[l], H5D_FILL_TIME_IFSET));
            assert_true(H5Dwrite(set, H5T_NATIVE_UINT16, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >=
                        0);
            H5Dclose(set);
            expect_values(name, values);
        }
        add_set("filled", H5T_STD_U16BE, 4, four, with_layout(H5D_CONTIGUOUS, H5D_FILL_TIME_IFSET));
        expect_values("filled", filled);
        add_set("never", H5T_STD_U16BE, 4, four, with_layout(H5D_CONTIGUOUS, H5D_FILL_TIME_NEVER));
        expect_values("never", zeros);
    }
}

static void a_file_without_labels_has_none(void **state)
{
    (void)state;
    struct vdt_hdf5 *opened = NULL;
    unsigned char label[16];
    add_set("x", H5T_STD_U8LE, 3, three, H5P_DEFAULT);
    H5Fflush(file, H5F_SCOPE_LOCAL);
    assert_int_equal(
        vdt_hdf5_open(path, &(struct vdt_hdf5_options){.images = "x"}, &opened, &error), VDT_OK);
    assert_int_equal(vdt_hdf5_label(opened, 0, label, &error), VDT_ERR_ARGUMENT);
    assert_non_null(strstr(error.message, "without labels"));
    vdt_hdf5_free(opened);
}

static int close_file(void **state)
{
    H5Fclose(file);
    return remove_folder(state);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, make_file, close_file)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(plain_types_are_read),
        CASE(other_types_are_refused_by_name),
        CASE(shapes_of_images),
        CASE(shapes_of_labels),
        CASE(other_shapes_are_refused),
        CASE(large_chunks_are_refused),
        CASE(other_filters_are_refused_by_name),
        CASE(values_of_other_files_are_refused),
        CASE(paths_are_followed),
        CASE(a_wrong_path_lists_the_datasets),
        CASE(other_files_are_refused),
        CASE(layouts_without_chunks_are_read),
        CASE(a_file_without_labels_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
