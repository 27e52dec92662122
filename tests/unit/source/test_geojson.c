/* Two readers of one file: ours, and OGR's with everything that follows it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cpl_vsi.h>
#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "source/labels/geojson.h"
#include "source/labels/scan.h"

static const char path[] = "/vsimem/labels.geojson";

struct text {
    char data[20000];
    size_t size;
};

static void put(struct text *text, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int added =
        vsnprintf(text->data + text->size, sizeof text->data - text->size, format, arguments);
    va_end(arguments);
    assert_true(added >= 0 && text->size + (size_t)added < sizeof text->data);
    text->size += (size_t)added;
}

static void write_file(const char *data, size_t size)
{
    VSIFCloseL(VSIFileFromMemBuffer(path, (GByte *)data, size, FALSE));
}

/* --- both readers ------------------------------------------------------------------------ */

struct result {
    struct vdt_labels_source *source;
    struct vdt_label_file file;
    struct vdt_values values;
    struct vdt_error error;
    vdt_status status;
    bool taken;
};

static void begin(struct result *result, const struct vdt_label_options *options)
{
    *result = (struct result){.source = calloc(1, sizeof *result->source)};
    assert_non_null(result->source);
    result->file = (struct vdt_label_file){
        .source = result->source, .options = options, .values = &result->values, .path = path};
}

static void end(struct result *result)
{
    vdt_labels_free(result->source);
    vdt_values_clear(&result->values);
}

static void read_ours(struct result *result, const struct vdt_label_options *options)
{
    begin(result, options);
    result->status = vdt_geojson_read(&result->file, &result->taken, &result->error);
    if (result->taken || result->status != VDT_OK)
        return;
    assert_int_equal(result->file.features, 0);
    assert_int_equal(result->source->layer_count, 0);
    assert_int_equal(result->values.count, 0);
    assert_int_equal(result->source->geometry.feature_count, 0);
    assert_int_equal(result->source->geometry.point_count, 0);
}

static void read_ogr(struct result *result, const struct vdt_label_options *options)
{
    begin(result, options);
    result->status = vdt_labels_read_ogr(&result->file, &result->error);
}

#define SAME(FIELD) (a->FIELD == b->FIELD)

#define TELL(SAME, WHAT) \
    if (!(SAME))         \
    return WHAT

/* What two geometries differ in, or NULL. */
static const char *geometry_difference(const struct vdt_geometry *a, const struct vdt_geometry *b)
{
    TELL(SAME(feature_count), "number of features");
    TELL(SAME(part_count), "number of parts");
    TELL(SAME(ring_count), "number of rings");
    TELL(SAME(point_count), "number of points");
    for (size_t i = 0; i < a->feature_count; i++) {
        TELL(SAME(features[i].id), "ids");
        TELL(SAME(features[i].class_id), "classes");
        TELL(SAME(features[i].first) && SAME(features[i].count), "parts of a feature");
    }
    for (size_t i = 0; i < a->part_count; i++)
        TELL(SAME(parts[i].first) && SAME(parts[i].count), "rings of a part");
    for (size_t i = 0; i < a->ring_count; i++)
        TELL(SAME(rings[i].first) && SAME(rings[i].count), "points of a ring");
    /* Bit for bit: minus zero is not zero. */
    TELL(a->point_count == 0 ||
             memcmp(a->points, b->points, a->point_count * sizeof *a->points) == 0,
         "coordinates");
    return NULL;
}

static const char *difference(const struct result *a, const struct result *b)
{
    TELL(SAME(values.count), "number of values");
    for (size_t i = 0; i < a->values.count; i++)
        TELL(strcmp(a->values.texts[i], b->values.texts[i]) == 0, "values");
    TELL(SAME(file.features), "features");
    TELL(SAME(file.null_geometries), "null geometries");
    TELL(SAME(file.repaired), "repaired");
    TELL(SAME(file.without_area) && SAME(file.without_area_id), "points and lines");
    TELL(strcmp(a->file.without_area_type, b->file.without_area_type) == 0, "their type");
    TELL(SAME(source->layer_count) && a->source->layer_count == 1, "layers");
    const struct vdt_label_layer *one = a->source->layers, *other = b->source->layers;
    TELL(strcmp(one->crs, other->crs) == 0, "CRS");
    TELL(one->feature_count == other->feature_count, "features of the layer");
    TELL(one->point_count == other->point_count, "points of the layer");
    return geometry_difference(&a->source->geometry, &b->source->geometry);
}

struct tally {
    unsigned taken, left, damaged;
};

/* OGR makes something of "1-2" and "1.2.3". */
static bool within_number(const char *data, size_t size, const char *message)
{
    const char *byte = strstr(message, "byte ");
    size_t offset = byte == NULL ? size : strtoul(byte + 5, NULL, 10);
    return offset < size && memchr("+-.eE0123456789", data[offset], 15) != NULL;
}

/* `lenient`: OGR may skip in silence what ours calls damage, or not know what to do with it. */
static void compare(const char *data, size_t size, const struct vdt_label_options *options,
                    bool lenient, struct tally *tally)
{
    struct result ours, ogr;
    write_file(data, size);
    read_ours(&ours, options);
    if (ours.status != VDT_OK) {
        tally->damaged++;
        assert_null(strchr(ours.error.message, '\n'));
    } else if (ours.taken) {
        tally->taken++;
    } else {
        tally->left++;
    }
    if (ours.status != VDT_OK || ours.taken) {
        read_ogr(&ogr, options);
        const char *differs = !ours.taken            ? NULL
                              : ogr.status != VDT_OK ? ogr.error.message
                                                     : difference(&ours, &ogr);
        bool less = ogr.status != VDT_OK || ogr.file.features < ours.file.features;
        if (differs != NULL && !(lenient && less))
            fail_msg("not what OGR reads (%s): %.*s", differs, (int)size, data);
        if (ours.status != VDT_OK && ogr.status == VDT_OK && !lenient &&
            !within_number(data, size, ours.error.message))
            fail_msg("OGR reads it (%s): %.*s", ours.error.message, (int)size, data);
        if (ours.status != VDT_OK && strstr(ours.error.message, ": line ") == NULL)
            assert_string_equal(ours.error.message, ogr.error.message);
        end(&ogr);
    }
    end(&ours);
    VSIUnlink(path);
}

/* --- random documents -------------------------------------------------------------------- */

static uint64_t dice, rolls;
static bool usual;    /* document: nothing that is left to OGR */
static bool one_line; /* OGR wants every feature of a sequence in a line of its own */

static uint32_t roll(uint32_t sides)
{
    return (uint32_t)(vdt_mix2(dice, rolls++) % sides);
}

static const char *pick(const char *const *list)
{
    uint32_t count = 0;
    while (list[count] != NULL)
        count++;
    return list[roll(count)];
}

#define PICK(...) pick((const char *const[]){__VA_ARGS__, NULL})

static void put_space(struct text *text)
{
    if (roll(6) == 0)
        put(text, "%s", one_line ? PICK(" ", "\t") : PICK(" ", "  ", "\t", "\r\n", "\n "));
}

static void put_number(struct text *text, double about)
{
    switch (roll(8)) {
    case 0: put(text, "%d", (int)about); break;
    case 1: put(text, "%.17g", about + roll(1000000) * 1e-7); break;
    case 2: put(text, "%.3e", about); break;
    case 3: put(text, "%.22f", about + roll(1000) / 999.0); break;
    case 4: put(text, "%s", PICK("-0", "0", "-0.0", "0.5E+1", "1e0", "9007199254740993.0")); break;
    case 5: put(text, "%.1f", about); break;
    default: put(text, "%.*f", (int)roll(16), about + roll(100000) * 1e-5); break;
    }
}

static void put_position(struct text *text, double x, double y)
{
    put(text, "[");
    put_space(text);
    put_number(text, x);
    put_space(text);
    put(text, ",");
    put_space(text);
    put_number(text, y);
    if (roll(8) == 0)
        put(text, ",%u", roll(100));
    put(text, "]");
    put_space(text);
}

static void put_ring(struct text *text, double x, double y, double size)
{
    static const double square[][2] = {{0, 0}, {1, 0}, {1, 1}, {0, 1}, {0, 0}};
    bool crossed = roll(8) == 0, closed = roll(10) != 0, plain = roll(3) != 0;
    put(text, "[");
    for (int i = 0; i < (closed ? 5 : 4); i++) {
        int corner = crossed && (i == 1 || i == 2) ? 3 - i : i;
        double px = x + size * square[corner][0], py = y + size * square[corner][1];
        put(text, i == 0 ? "" : ",");
        if (plain)
            put(text, "[%.9f,%.9f]", px, py);
        else
            put_position(text, px, py);
        if (roll(20) == 0)
            put(text, ",[%.9f,%.9f]", px, py);
    }
    put(text, "]");
}

static void put_rings(struct text *text)
{
    double x = roll(300) - 150.0, y = roll(160) - 80.0;
    put(text, "[");
    put_ring(text, x, y, 8);
    for (uint32_t i = roll(4); i > 1; i--) {
        put(text, ",");
        put_ring(text, x + 2.0 * i, y + 1.0 * i, roll(3) == 0 ? 7 : 1);
    }
    put(text, "]");
}

static void put_geometry(struct text *text, int depth)
{
    uint32_t kind = usual ? roll(9) : roll(depth == 0 ? 16 : 12);
    bool late = roll(6) == 0;
    const char *type = kind < 5    ? "Polygon"
                       : kind < 8  ? "MultiPolygon"
                       : kind == 8 ? "LineString"
                       : kind == 9 ? PICK("Point", "MultiPoint", "MultiLineString", "Curve")
                       : kind < 12 ? PICK("Polygon", "MultiPolygon", "MultiPoint", "Point")
                                   : "GeometryCollection";
    put(text, "{");
    if (!late)
        put(text, "\"type\":\"%s\",", type);
    if (roll(10) == 0)
        put(text, "\"bbox\":[0,0,1,1],");
    if (kind >= 12) {
        put(text, "\"geometries\":[");
        for (uint32_t i = 0, count = roll(4); i < count; i++) {
            put(text, i == 0 ? "" : ",");
            put_geometry(text, depth + 1);
        }
        put(text, "]");
    } else {
        put(text, "\"coordinates\":");
        put_space(text);
        if (kind < 5) {
            put_rings(text);
        } else if (kind < 8) {
            put(text, "[");
            put_rings(text);
            for (uint32_t i = roll(3); i > 0; i--) {
                put(text, ",");
                put_rings(text);
            }
            put(text, "]");
        } else {
            put(text, "%s",
                kind == 8 ? "[[0,0],[1,1]]"
                          : PICK("[0,0]", "[[0,0]]", "[[[0,0],[1,2]]]", "[]", "[[]]", "[[[]]]",
                                 "null", "[[[0,0],[0,1],[1,1]],[]]", "[[[0,0],[0,1],[1,\"1\"]]]",
                                 "[1]", "[[[0,0],[0,1],[1,null]]]", "[[[0,0],[0,1],[1,NaN]]]",
                                 "[[[[0,0],[0,1],[1,1]]],[[2,2]]]", "3", "{}",
                                 "[[[0,0],[0,1],[1e999,1]]]",
                                 "[[[0,0],[0,1],[99999999999999999999,1]]]"));
        }
    }
    if (late)
        put(text, ",\"type\":\"%s\"", type);
    put(text, "}");
}

static void put_value(struct text *text, uint32_t kind)
{
    switch (kind) {
    case 0: put(text, "%s", PICK("\"a\"", "\"b\"", "\"\"", "\"house-1\"", "null")); break;
    case 1: put(text, "%s", PICK("1", "-3", "0", "null", "2147483648", "123456789012345")); break;
    case 2: put(text, "%s", PICK("1.5", "1e3", "-0.0", "null", "0.1", "1e22", "3")); break;
    case 3: put(text, "%s", PICK("true", "false", "null")); break;
    case 4: put(text, "%s", PICK("\"2020-01-02\"", "\"12:30\"", "\"1/2\"", "\"x\"")); break;
    case 5:
        put(text, "%s",
            PICK("\"\\u00e9\"", "\"\\ud83d\\ude00\"", "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
                 "\"\xc3\xa9\"", "\"\\ud800\"", "\"\\u0000\"", "\"\xff\"", "\"(null)\""));
        break;
    case 6:
        put(text, "%s",
            PICK("{\"a\":[1,{}]}", "[1,2]", "[]", "{}", "NaN", "Infinity", "-Infinity", "1e400",
                 "123456789012345678901", "9223372036854775807", "1000000000000000", "[\"x\"]"));
        break;
    default: put(text, "\"class %u\"", roll(5)); break;
    }
}

static void put_feature(struct text *text, uint32_t kind, uint32_t ids, uint32_t number)
{
    bool last = roll(4) == 0;
    put(text, "{");
    put_space(text);
    if (!last)
        put(text, "\"type\":\"%s\",", !usual && roll(60) == 0 ? "Other" : "Feature");
    if (ids == 1)
        put(text, "\"id\":%u,", number * 3 + 5);
    if (ids == 2)
        put(text, "\"id\":%s,", PICK("\"a\"", "7", "-4", "null", "1.5", "true", "[1]", "0"));
    if (ids == 3)
        put(text, "\"id\":\"f%u\",", number);
    if (!usual && roll(50) == 0)
        put(text, "%s",
            PICK("\"kind\":1,", "\"crs\":null,", "\"ID\":4,", "\"Geometry\":null,",
                 "\"properties\":{},", "\"bbox\":[1,2,3,4],", "\"x\":{\"y\":[{}]},", "\"\":0,"));
    if (roll(12) == 0) {
        put(text, "\"properties\":%s,",
            usual ? PICK("null", "{}") : PICK("[]", "3", "{\"other\":1}"));
    } else {
        put(text, "\"properties\":{");
        if (ids == 4)
            put(text, "\"id\":%u,", 900 - number);
        if (roll(5) == 0)
            put(text, "\"other\":[1,{\"kind\":\"no\"},\"\\u0041\"],");
        if (!usual && roll(40) == 0)
            put(text, "%s", PICK("\"id\":3,", "\"Id\":3,", "\"_rev\":1,", "\"kind\":\"twice\","));
        if (roll(8) == 0)
            put(text, "\"big\":%s,", PICK("12345678901234567890123", "1e999", "NaN", "-1.5e-7"));
        put(text, roll(9) == 0 ? "\"k\\u0069nd\":" : "\"kind\":");
        put_value(text, !usual && roll(40) == 0 ? roll(8) : kind);
        put(text, "},");
    }
    put(text, "\"geometry\":");
    put_space(text);
    if (roll(12) == 0)
        put(text, "null");
    else
        put_geometry(text, 0);
    if (last)
        put(text, ",\"type\":\"Feature\"");
    put(text, "}");
}

static void put_document(struct text *text, bool sequence)
{
    static const uint32_t usual_kinds[] = {0, 1, 2, 3, 7}, usual_ids[] = {0, 1, 3, 4};
    text->size = 0;
    one_line = sequence;
    usual = roll(2) == 0;
    uint32_t kind = usual ? usual_kinds[roll(5)] : roll(9);
    uint32_t ids = usual ? usual_ids[roll(4)] : roll(5), count = roll(6) + 1 + sequence;
    if (!sequence && roll(20) == 0) /* it costs OGR the first feature of a sequence */
        put(text, "\xef\xbb\xbf");
    if (!sequence)
        put(text, "{\"type\":\"FeatureCollection\",");
    if (!sequence && roll(4) == 0)
        put(text, "%s",
            PICK("\"name\":\"x\",", "\"bbox\":[1,2,3,4],", "\"crs\":null,",
                 "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:EPSG::"
                 "32723\"}},",
                 "\"crs\":{\"properties\":{\"name\":\"EPSG:4326\"},\"type\":\"name\"},",
                 "\"crs\":{\"type\":\"EPSG\",\"properties\":{\"code\":31983}},",
                 "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"nonsense\"}},",
                 "\"crs\":{\"type\":\"name\",\"properties\":{\"name\":\"urn:ogc:def:crs:OGC:1.3:"
                 "CRS84\"}},"));
    if (!sequence)
        put(text, "\"features\":[");
    for (uint32_t i = 0; i < count; i++) {
        put(text, i == 0 ? "" : sequence ? "\n" : ",");
        put_feature(text, kind, ids, i);
    }
    if (!sequence)
        put(text, "]%s}", roll(10) == 0 ? ",\"more\":[1,2]" : "");
    put(text, "%s", PICK("", "\n", "\n\n"));
}

static const struct vdt_label_options by_kind = {.class_field = "kind"}, by_nothing = {0};

static void test_random_documents(void **state)
{
    (void)state;
    struct text text;
    struct tally tally = {0};
    dice = 1;
    for (int i = 0; i < 1200; i++) {
        bool sequence = roll(4) == 0;
        put_document(&text, sequence);
        compare(text.data, text.size, roll(4) == 0 ? &by_nothing : &by_kind, false, &tally);
    }
    /* Most of it is what ours is for; nothing of it is damaged. */
    assert_true(tally.taken > 400);
    assert_true(tally.left > 300);
    assert_int_equal(tally.damaged, 0);
}

/* One to three changes of bytes, or an early end. */
static void test_damaged_documents(void **state)
{
    (void)state;
    static const char bytes[] = "{}[],:\"\\ntf0-.eE \n\x1e\x80u";
    struct text text;
    struct tally tally = {0};
    dice = 2;
    for (int i = 0; i < 1500; i++) {
        bool sequence = roll(4) == 0;
        put_document(&text, sequence);
        for (uint32_t k = roll(3); k > 0 && text.size > 1; k--) {
            size_t at = roll((uint32_t)text.size);
            switch (roll(4)) {
            case 0: text.data[at] = bytes[roll(sizeof bytes)]; break;
            case 1: memmove(text.data + at, text.data + at + 1, --text.size - at); break;
            case 2: text.size = at + 1; break;
            default: text.data[at] = (char)roll(256); break;
            }
        }
        compare(text.data, text.size, &by_kind, sequence, &tally);
    }
    assert_true(tally.taken > 200);
    assert_true(tally.damaged > 200);
}

/* Blocks end in the midst of everything. */
static void test_large_document(void **state)
{
    (void)state;
    struct tally tally = {0};
    enum { LARGE = 3 << 20, FEATURE = 2000 };
    char *data = malloc(LARGE + FEATURE + 10);
    assert_non_null(data);
    size_t size = (size_t)sprintf(data, "{\"type\":\"FeatureCollection\",\"features\":[\n");
    dice = 5;
    for (uint32_t i = 0; size < LARGE; i++) {
        double x = roll(1000000) * 1e-4, y = roll(1000000) * 1e-9;
        size += (size_t)sprintf(data + size,
                                "%s{\"type\":\"Feature\",\"id\":%u,\"properties\":{\"no\":\"%*s\","
                                "\"kind\":\"class %u\"},"
                                "\"geometry\":%*s{\"type\":\"Polygon\",\"coordinates\":"
                                "[[[%.12f,%.9f],[%.9f,%.9f],[%.3f, %.12e],[%.12f,%.9f]]]}}",
                                i == 0 ? "" : ",\n", i + 7, (int)roll(500), "\\u00e9", roll(9),
                                (int)roll(500), "", x, y, x + 1, y, x + 1, y + 1, x, y);
    }
    size += (size_t)sprintf(data + size, "]}");
    compare(data, size, &by_kind, false, &tally);
    assert_int_equal(tally.taken, 1);
    /* Cut anywhere it is damaged. */
    for (int i = 0; i < 20; i++)
        compare(data, roll((uint32_t)size - 100) + 50, &by_kind, true, &tally);
    assert_int_equal(tally.damaged, 20);
    free(data);
}

static void test_numbers_are_rounded_correctly(void **state)
{
    (void)state;
    enum { NUMBERS = 100000, LONGEST = 48 };
    char(*texts)[LONGEST] = malloc(NUMBERS * sizeof *texts), *data = malloc(NUMBERS * LONGEST);
    assert_true(texts != NULL && data != NULL);
    size_t size = 0;
    dice = 6;
    for (size_t i = 0; i < NUMBERS; i++) {
        uint64_t bits = vdt_mix2(7, i);
        double any = (double)(int64_t)bits * 1e-17;
        switch (i % 5) {
        case 0: snprintf(texts[i], LONGEST, "%.*f", (int)roll(20), any); break;
        case 1: snprintf(texts[i], LONGEST, "%.*e", (int)roll(20), any); break;
        case 2: snprintf(texts[i], LONGEST, "%.17ge%d", any, (int)roll(80) - 40); break;
        /* Between two doubles, and next to there. */
        case 3: snprintf(texts[i], LONGEST, "%llu.5", (unsigned long long)(bits >> 11)); break;
        default:
            snprintf(texts[i], LONGEST, "%llu.%u", (unsigned long long)(bits >> 10) | 1u, roll(2));
            break;
        }
        if (strstr(texts[i], "e") != NULL && strstr(strstr(texts[i], "e") + 1, "e") != NULL)
            strstr(texts[i], "e")[0] = '\0'; /* "1e-05e7" */
        size += (size_t)sprintf(data + size, "%s%s", i == 0 ? "[" : ", ", texts[i]);
    }
    data[size++] = ']';
    write_file(data, size);
    struct vdt_scan scan;
    struct vdt_scan_number number;
    bool first = true;
    assert_true(vdt_scan_open(&scan, path));
    for (size_t i = 0; i < NUMBERS; i++) {
        assert_true(vdt_scan_element(&scan, &first));
        assert_true(vdt_scan_read_number(&scan, &number));
        if (number.real != strtod(texts[i], NULL))
            fail_msg("%s is not %.17g", texts[i], number.real);
    }
    assert_false(vdt_scan_element(&scan, &first));
    assert_true(vdt_scan_at_end(&scan));
    vdt_scan_close(&scan);
    VSIUnlink(path);
    free(texts);
    free(data);
}

static void assert_fails(const char *text, const char *message)
{
    struct result ours;
    write_file(text, strlen(text));
    read_ours(&ours, &by_kind);
    assert_int_equal(ours.status, VDT_ERR_FORMAT);
    assert_string_equal(ours.error.message, message);
    end(&ours);
    VSIUnlink(path);
}

#define HEAD "{\"type\":\"FeatureCollection\",\n\"features\":["
#define FEATURE "{\"type\":\"Feature\",\"properties\":{\"kind\":1},\"geometry\":null}"

static void test_damage_is_placed(void **state)
{
    (void)state;
    assert_fails(HEAD "\n" FEATURE,
                 "/vsimem/labels.geojson: line 3, byte 100: the file ends here: it is cut short");
    assert_fails(HEAD FEATURE FEATURE "]}",
                 "/vsimem/labels.geojson: line 2, byte 99: no ',' or closing bracket");
    assert_fails(HEAD FEATURE "]}{",
                 "/vsimem/labels.geojson: line 2, byte 101: more text behind the end");
    assert_fails(HEAD "{\"properties\":{\"a\":\"\\q\"}}]}",
                 "/vsimem/labels.geojson: line 2, byte 61: an unknown escape in a string");
    assert_fails(FEATURE "\n" FEATURE "\n{\"type\":\"Feature\",",
                 "/vsimem/labels.geojson: line 3, byte 136: the file ends here: it is cut short");
}

static void test_compressed(void **state)
{
    (void)state;
    static const char text[] = HEAD "{\"type\":\"Feature\",\"properties\":{\"kind\":\"a\"},"
                                    "\"geometry\":{\"type\":\"Polygon\",\"coordinates\":"
                                    "[[[0,0],[1,0],[1,1],[0,0]]]}}]}";
    struct result ours = {0};
    VSILFILE *file = VSIFOpenL("/vsigzip//vsimem/labels.geojson.gz", "wb");
    assert_non_null(file);
    assert_int_equal(VSIFWriteL(text, 1, sizeof text - 1, file), sizeof text - 1);
    assert_int_equal(VSIFCloseL(file), 0);
    begin(&ours, &by_kind);
    ours.file.path = "/vsigzip//vsimem/labels.geojson.gz";
    assert_int_equal(vdt_geojson_read(&ours.file, &ours.taken, &ours.error), VDT_OK);
    assert_true(ours.taken);
    assert_int_equal(ours.source->geometry.point_count, 3);
    assert_string_equal(ours.values.texts[0], "a");
    end(&ours);
    VSIUnlink("/vsimem/labels.geojson.gz");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_documents),
        cmocka_unit_test(test_damaged_documents),
        cmocka_unit_test(test_large_document),
        cmocka_unit_test(test_numbers_are_rounded_correctly),
        cmocka_unit_test(test_damage_is_placed),
        cmocka_unit_test(test_compressed),
    };
    GDALAllRegister();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
