/* COCO files from their first byte to their last: which arrays there are. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "annotate/coco/coco_array.h"
#include "annotate/coco/coco_file.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { WINDOW = 256 << 10 };

struct reading {
    struct vdt_coco *coco;
    struct vdt_coco_window window;
    struct vdt_coco_array images, categories, annotations;
};

static vdt_status fail(const struct reading *reading, struct vdt_error *error)
{
    return vdt_coco_fail(&reading->window, NULL, 0, error);
}

/* Reads on where the text was cut, to take what begins at `begin` again. */
static bool again(struct reading *reading, const char *begin)
{
    return reading->window.text.problem == vdt_coco_cut_short &&
           vdt_coco_window_more(&reading->window, begin);
}

/* The first character, taken when it is `wanted`. */
static bool take_first(struct reading *reading, char wanted)
{
    struct vdt_coco_text *text = &reading->window.text;
    if (strncmp(text->at, "\xef\xbb\xbf", 3) == 0)
        text->at += 3;
    for (;;) {
        const char *begin = text->at;
        char next = vdt_coco_peek(text);
        if (next == wanted) {
            text->at++;
            return true;
        }
        vdt_coco_problem(text, next == '['   ? "an array where ground truth is an object: is it a "
                                               "results file?"
                               : next == '{' ? "an object where results are an array: is it a "
                                               "ground truth file?"
                                             : "no JSON is here");
        if (!again(reading, begin))
            return false;
    }
}

/* Nothing may be behind the end. */
static vdt_status check_end(struct reading *reading, struct vdt_error *error)
{
    struct vdt_coco_text *text = &reading->window.text;
    for (;;) {
        const char *begin = text->at;
        vdt_coco_peek(text);
        if (text->at >= text->end && reading->window.ended)
            return VDT_OK;
        vdt_coco_problem(text, "more text behind the end");
        if (!again(reading, begin))
            return fail(reading, error);
    }
}

static vdt_status skip_value(struct reading *reading, struct vdt_error *error)
{
    struct vdt_coco_text *text = &reading->window.text;
    for (;;) {
        const char *begin = text->at;
        if (vdt_coco_skip(text))
            return VDT_OK;
        if (!again(reading, begin))
            return fail(reading, error);
    }
}

static struct vdt_coco_array *known_array(struct reading *reading, const char *key, size_t size,
                                          struct vdt_coco_part **part)
{
    struct vdt_coco_array *arrays[] = {&reading->images, &reading->categories,
                                       &reading->annotations};
    struct vdt_coco_part *parts[] = {&reading->coco->images, &reading->coco->categories,
                                     &reading->coco->records};
    for (int i = 0; i < 3; i++)
        if (strlen(arrays[i]->name) == size && memcmp(arrays[i]->name, key, size) == 0) {
            *part = parts[i];
            return arrays[i];
        }
    return NULL;
}

/* The value of a member of the ground truth, which is next. */
static vdt_status read_value(struct reading *reading, struct vdt_coco_array *array,
                             struct vdt_coco_part *part, struct vdt_error *error)
{
    struct vdt_coco_text *text = &reading->window.text;
    if (*text->at != '[') {
        if (array == NULL)
            return skip_value(reading, error);
        vdt_coco_problem(text, "images, categories and annotations are arrays");
        return fail(reading, error);
    }
    struct vdt_coco_array other = {.kind = VDT_COCO_OTHER, .threads = 1};
    struct vdt_coco_part nothing = {0};
    if (array == NULL) {
        array = &other;
        part = &nothing;
    }
    if (array->seen) {
        vdt_coco_problem(text, "images, categories or annotations a second time");
        return fail(reading, error);
    }
    array->seen = true;
    text->at++;
    return vdt_coco_read_array(&reading->window, array, part, error);
}

/* From behind a member to the value of the next; false at the object's end or with a problem. */
static bool next_member(struct reading *reading, bool *first, struct vdt_coco_array **array,
                        struct vdt_coco_part **part)
{
    struct vdt_coco_text *text = &reading->window.text;
    for (;;) {
        const char *begin = text->at, *key;
        size_t size;
        bool before = *first;
        if (vdt_coco_member(text, first, &key, &size)) {
            *array = known_array(reading, key, size, part);
            if (text->at < text->end)
                return true;
            vdt_coco_problem(text, vdt_coco_cut_short);
        } else if (text->problem == NULL) {
            return false;
        }
        *first = before;
        if (!again(reading, begin))
            return false;
    }
}

static vdt_status read_truth(struct reading *reading, struct vdt_error *error)
{
    if (!take_first(reading, '{'))
        return fail(reading, error);
    reading->window.text.at--;
    bool first = true;
    struct vdt_coco_array *array;
    struct vdt_coco_part *part = NULL;
    while (next_member(reading, &first, &array, &part)) {
        vdt_status status = read_value(reading, array, part, error);
        if (status != VDT_OK)
            return status;
    }
    if (reading->window.text.problem != NULL)
        return fail(reading, error);
    const char *missing = !reading->images.seen        ? "images"
                          : !reading->annotations.seen ? "annotations"
                          : !reading->categories.seen  ? "categories"
                                                       : NULL;
    if (missing != NULL)
        return vdt_fail(error, VDT_ERR_FORMAT,
                        "%s: no %s: COCO's ground truth has images, annotations and categories",
                        reading->coco->path, missing);
    return check_end(reading, error);
}

static vdt_status read_results(struct reading *reading, struct vdt_error *error)
{
    if (!take_first(reading, '['))
        return fail(reading, error);
    reading->annotations.kind = VDT_COCO_RESULT;
    reading->annotations.name = NULL;
    vdt_status status = vdt_coco_read_array(&reading->window, &reading->annotations,
                                            &reading->coco->records, error);
    return status == VDT_OK ? check_end(reading, error) : status;
}

static vdt_status open_file(const char *path, struct vdt_coco_file *file, struct vdt_error *error)
{
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file->fd < 0)
        return vdt_fail_errno(error, path);
    struct stat about;
    if (fstat(file->fd, &about) != 0)
        return vdt_fail_errno(error, path);
    if (!S_ISREG(about.st_mode))
        return vdt_fail(error, VDT_ERR_ARGUMENT, "%s: is no file: give a JSON file", path);
    file->path = path;
    file->size = (uint64_t)about.st_size;
    return VDT_OK;
}

static struct vdt_coco *make(const char *path, bool results, const struct vdt_coco_options *options)
{
    struct vdt_coco *coco = vdt_allocate_zero(1, sizeof *coco);
    if (coco == NULL)
        return NULL;
    uint32_t more = (options->no_shapes ? 0U : (uint32_t)VDT_COCO_SHAPES) |
                    (options->attributes ? (uint32_t)VDT_COCO_ATTRIBUTES : 0U);
    coco->results = results;
    coco->threads = options->threads;
    coco->images.wanted = coco->categories.wanted = VDT_COCO_NAMED;
    coco->records.wanted =
        (results ? (uint32_t)VDT_COCO_FOUND : (uint32_t)VDT_COCO_LABELLED) | more;
    coco->path = vdt_copy_string(path);
    return coco;
}

static void free_coco(struct vdt_coco **coco)
{
    vdt_coco_free(*coco);
}

static void clear_reading(struct reading *reading)
{
    vdt_coco_window_clear(&reading->window);
}

vdt_status vdt_coco_load(const char *path, bool results, const struct vdt_coco_options *options,
                         uint64_t piece, struct vdt_coco **coco, struct vdt_error *error)
{
    struct vdt_coco_options defaults = {0};
    if (options == NULL)
        options = &defaults;
    struct vdt_coco_file file = {.fd = -1};
    vdt_status status = open_file(path, &file, error);
    vdt_cleanup(vdt_close_fd) int fd = file.fd;
    (void)fd;
    if (status != VDT_OK)
        return status;
    vdt_cleanup(free_coco) struct vdt_coco *made = make(path, results, options);
    if (made == NULL || made->path == NULL)
        return vdt_fail_memory(error, path);
    struct vdt_coco_array array = {.threads = options->threads, .piece = piece};
    vdt_cleanup(clear_reading) struct reading reading = {
        .coco = made, .images = array, .categories = array, .annotations = array};
    reading.images.kind = VDT_COCO_IMAGE;
    reading.images.name = "images";
    reading.categories.kind = VDT_COCO_CATEGORY;
    reading.categories.name = "categories";
    reading.annotations.kind = VDT_COCO_ANNOTATION;
    reading.annotations.name = "annotations";
    if (!vdt_coco_window_open(&reading.window, &file, WINDOW))
        return vdt_fail_memory(error, path);
    if (!vdt_coco_window_place(&reading.window, 0))
        return fail(&reading, error);
    status = results ? read_results(&reading, error) : read_truth(&reading, error);
    if (status == VDT_OK)
        status = vdt_coco_index(made, error);
    if (status != VDT_OK)
        return status;
    *coco = made;
    made = NULL;
    return VDT_OK;
}
