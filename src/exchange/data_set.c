/* What is in folders of images and labels that other programs made. */
#include "exchange/data_set.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "exchange/file.h"
#include "source/labels/label_paths.h"
#include "source/labels/labels.h"
#include "source/labels/yolo_data.h"

static void free_labels(struct vdt_labels_source **source)
{
    vdt_labels_free(*source);
}

void vdt_data_set_clear(struct vdt_data_set *set)
{
    for (size_t p = 0; p < set->part_count; p++) {
        for (size_t i = 0; i < set->parts[p].image_count; i++)
            free(set->parts[p].images[i]);
        free(set->parts[p].images);
        free(set->parts[p].labels);
    }
    free(set->parts);
    struct vdt_label_paths files = {set->files, set->file_count};
    vdt_label_paths_clear(&files);
    *set = (struct vdt_data_set){0};
}

/* --- names ------------------------------------------------------------------------------- */

/* The group that the words of a name speak of, the last one counting; NULL: none. */
static const char *group_of(const char *name)
{
    static const char *const words[][2] = {{"train", "train"},       {"training", "train"},
                                           {"val", "validate"},      {"valid", "validate"},
                                           {"validate", "validate"}, {"validation", "validate"},
                                           {"test", "test"},         {"testing", "test"}};
    const char *group = NULL;
    for (const char *at = name; *at != '\0';) {
        char word[16] = "";
        size_t length = 0;
        for (; isalpha((unsigned char)*at); at++, length++)
            if (length + 1 < sizeof word)
                word[length] = (char)tolower((unsigned char)*at);
        for (size_t i = 0; length + 1 < sizeof word && i < sizeof words / sizeof words[0]; i++)
            if (strcmp(word, words[i][0]) == 0)
                group = words[i][1];
        at += length == 0 && *at != '\0';
    }
    return group;
}

static bool is_image(const char *name)
{
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".tif", ".tiff",
                                       ".bmp", ".webp", ".jp2", ".gif"};
    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
        if (vdt_label_ends_with(name, ends[i]))
            return true;
    return false;
}

/* The name's folders, for its group: the file's own name may have any words. */
static const char *folder_group(const char *name)
{
    char folders[4096];
    const char *slash = strrchr(name, '/');
    size_t length = slash == NULL ? 0 : (size_t)(slash - name);
    if (length >= sizeof folders)
        return NULL;
    memcpy(folders, name, length);
    folders[length] = '\0';
    return group_of(folders);
}

/* --- parts ------------------------------------------------------------------------------- */

/* The part of a group and a label file, made when it is new. NULL: memory is out. */
static struct vdt_data_set_part *find_part(struct vdt_data_set *set, const char *group,
                                           const char *labels)
{
    for (size_t i = 0; i < set->part_count; i++)
        if (strcmp(set->parts[i].group, group) == 0 && strcmp(set->parts[i].labels, labels) == 0)
            return &set->parts[i];
    if (!vdt_grow(&set->parts, &set->part_capacity, set->part_count + 1, sizeof *set->parts))
        return NULL;
    struct vdt_data_set_part *part = &set->parts[set->part_count];
    *part = (struct vdt_data_set_part){.labels = vdt_copy_string(labels)};
    snprintf(part->group, sizeof part->group, "%s", group);
    set->part_count += part->labels != NULL;
    return part->labels == NULL ? NULL : part;
}

static vdt_status add_image(struct vdt_data_set *set, const char *group, const char *labels,
                            const char *file, struct vdt_error *error)
{
    struct vdt_data_set_part *part = find_part(set, group == NULL ? "train" : group, labels);
    char *path = vdt_label_path_join(set->folder, file);
    if (part == NULL || path == NULL ||
        !vdt_grow(&part->images, &part->image_capacity, part->image_count + 1,
                  sizeof *part->images)) {
        free(path);
        return vdt_fail_memory(error, set->folder);
    }
    part->images[part->image_count++] = path;
    return VDT_OK;
}

/* --- COCO -------------------------------------------------------------------------------- */

/* Images by the last part of their names. */
struct listed {
    const char *last, *file;
};

static const char *last_of(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash == NULL ? name : slash + 1;
}

static int compare_listed(const void *a, const void *b)
{
    const struct listed *x = a, *y = b;
    int order = strcmp(x->last, y->last);
    return order != 0 ? order : strcmp(x->file, y->file);
}

/* Of files of one name those fit best whose folders end as the name's do, then those of the
 * annotations' group. */
static int rank(const char *file, const char *name, const char *group)
{
    size_t length = strlen(name), whole = strlen(file);
    const char *own = folder_group(file);
    bool tail = whole >= length && strcmp(file + whole - length, name) == 0;
    bool same = own != NULL && group != NULL && strcmp(own, group) == 0;
    return 4 * tail + 2 * same + (own == NULL);
}

static vdt_status find_named(struct vdt_data_set *set, const struct listed *images, size_t count,
                             const char *group, const char *json, const char *name,
                             struct vdt_error *error)
{
    const char *best = NULL;
    int best_rank = -1;
    bool several = false;
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (strcmp(images[middle].last, last_of(name)) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && strcmp(images[low].last, last_of(name)) == 0; low++) {
        int found = rank(images[low].file, name, group);
        several = found == best_rank || (several && found < best_rank);
        if (found > best_rank) {
            best = images[low].file;
            best_rank = found;
        }
    }
    if (best == NULL)
        return vdt_fail(error, VDT_ERR_NOT_FOUND,
                        "%s: names the image '%s', which is not below %s: fetch it, or feed the "
                        "images that there are (vedatile feed --windows whole)",
                        json, name, set->folder);
    if (several)
        return vdt_fail(error, VDT_ERR_MISMATCH,
                        "%s: several files below %s could be the image '%s', such as %s", json,
                        set->folder, name, best);
    return add_image(set, group, json, best, error);
}

static vdt_status read_coco(struct vdt_data_set *set, const struct listed *images, size_t count,
                            const char *file, struct vdt_error *error)
{
    vdt_cleanup(free_labels) struct vdt_labels_source *source = NULL;
    vdt_cleanup(vdt_free_pointer) char *json = vdt_label_path_join(set->folder, file);
    if (json == NULL)
        return vdt_fail_memory(error, set->folder);
    const struct vdt_label_options options = {.format = VDT_LABELS_COCO};
    const char *paths[] = {json};
    const char *group = group_of(file);
    vdt_status status = vdt_labels_open(paths, 1, &options, &source, error);
    for (size_t i = 0; status == VDT_OK && i < vdt_labels_image_count(source); i++)
        status = find_named(set, images, count, group == NULL ? "train" : group, json,
                            vdt_labels_image(source, i), error);
    return status;
}

/* COCO's own folders have captions and keypoints of the same images too. */
static vdt_status find_coco(struct vdt_data_set *set, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) struct listed *images =
        vdt_allocate(set->file_count, sizeof *images);
    size_t count = 0;
    bool instances = false;
    if (images == NULL)
        return vdt_fail_memory(error, set->folder);
    for (size_t i = 0; i < set->file_count; i++) {
        const char *file = set->files[i];
        if (is_image(file))
            images[count++] = (struct listed){last_of(file), file};
        else
            instances = instances || strncmp(last_of(file), "instances", 9) == 0;
    }
    qsort(images, count, sizeof *images, compare_listed);
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < set->file_count; i++) {
        const char *file = set->files[i];
        vdt_cleanup(vdt_free_pointer) char *path = vdt_label_path_join(set->folder, file);
        if (path == NULL)
            return vdt_fail_memory(error, set->folder);
        if (!is_image(file) && (!instances || strncmp(last_of(file), "instances", 9) == 0) &&
            vdt_label_format_of(path) == VDT_LABELS_COCO)
            status = read_coco(set, images, count, file, error);
    }
    return status;
}

/* --- YOLO -------------------------------------------------------------------------------- */

static bool begins_with_folder(const char *path, const char *folder)
{
    while (strncmp(path, "./", 2) == 0)
        path += 2;
    while (strncmp(folder, "./", 2) == 0)
        folder += 2;
    size_t length = strlen(folder);
    while (length > 0 && folder[length - 1] == '/')
        length--;
    return strncmp(path, folder, length) == 0 && path[length] == '/';
}

/* The split of data.yaml that an image is in; NULL: none. */
static const char *split_of(const char *yaml, const struct vdt_yolo_data *data, const char *image)
{
    static const char *const groups[] = {"train", "validate", "test"};
    for (int s = 0; s < 3; s++)
        for (size_t i = 0; i < data->splits[s].count; i++) {
            vdt_cleanup(vdt_free_pointer) char *folder =
                vdt_label_split_folder(yaml, data->root, data->splits[s].folders[i]);
            if (folder != NULL && begins_with_folder(image, folder))
                return groups[s];
        }
    return NULL;
}

static vdt_status find_yolo(struct vdt_data_set *set, struct vdt_error *error)
{
    vdt_cleanup(vdt_yolo_data_clear) struct vdt_yolo_data data = {0};
    vdt_cleanup(vdt_free_pointer) char *yaml = NULL;
    vdt_status status = vdt_label_names_file(set->folder, &yaml, error);
    bool inside = yaml != NULL && begins_with_folder(yaml, set->folder);
    if (status == VDT_OK && inside)
        status = vdt_yolo_data_read(yaml, &data, error);
    bool splits = data.splits[0].count + data.splits[1].count + data.splits[2].count > 0;
    for (size_t i = 0; status == VDT_OK && i < set->file_count; i++) {
        const char *file = set->files[i];
        if (!is_image(file))
            continue;
        vdt_cleanup(vdt_free_pointer) char *path = vdt_label_path_join(set->folder, file);
        if (path == NULL)
            return vdt_fail_memory(error, set->folder);
        const char *group = splits ? split_of(yaml, &data, path) : folder_group(file);
        if (group != NULL || !splits)
            status = add_image(set, group, splits ? yaml : set->folder, file, error);
    }
    return status;
}

/* --- Pascal VOC -------------------------------------------------------------------------- */

static int compare_stem(const char *file, const char *stem, size_t length)
{
    const char *last = last_of(file), *dot = strrchr(last, '.');
    size_t own = dot == NULL ? strlen(last) : (size_t)(dot - last);
    int order = strncmp(last, stem, own < length ? own : length);
    return order != 0 ? order : (own > length) - (own < length);
}

/* VOC's masks have the names of its images. */
static bool is_photo(const struct vdt_data_set *set, size_t number)
{
    const char *file = set->files[number];
    return is_image(file) && strstr(file, "SegmentationClass/") == NULL &&
           strstr(file, "SegmentationObject/") == NULL;
}

/* The images of ImageSets/Main/NAME.txt, whose lines begin with a stem. */
static vdt_status read_set(struct vdt_data_set *set, const char *path, const char *group,
                           struct vdt_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return vdt_fail_errno(error, path);
    vdt_cleanup(vdt_free_pointer) char *line = NULL;
    size_t size = 0, number = 0;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && getline(&line, &size, file) > 0) {
        const char *stem = line + strspn(line, " \t");
        size_t length = strcspn(stem, " \t\r\n"), found = 0;
        number++;
        if (length == 0)
            continue;
        while (found < set->file_count &&
               (compare_stem(set->files[found], stem, length) != 0 || !is_photo(set, found)))
            found++;
        status = found == set->file_count
                     ? vdt_fail(error, VDT_ERR_NOT_FOUND,
                                "%s: line %zu: there is no image '%.*s' below %s", path, number,
                                (int)length, stem, set->folder)
                     : add_image(set, group, set->folder, set->files[found], error);
    }
    fclose(file);
    return status;
}

static vdt_status find_voc(struct vdt_data_set *set, struct vdt_error *error)
{
    static const char *const sets[][2] = {
        {"train", "train"}, {"val", "validate"}, {"test", "test"}, {"trainval", "train"}};
    bool any = false, trained = false;
    vdt_status status = VDT_OK;
    for (size_t i = 0; status == VDT_OK && i < sizeof sets / sizeof sets[0]; i++) {
        char name[64];
        snprintf(name, sizeof name, "ImageSets/Main/%s.txt", sets[i][0]);
        vdt_cleanup(vdt_free_pointer) char *path = vdt_label_path_join(set->folder, name);
        if (path == NULL)
            return vdt_fail_memory(error, set->folder);
        if (!vdt_path_exists(path) || (i == 3 && trained)) /* both have the same images */
            continue;
        any = true;
        trained = trained || i < 2;
        status = read_set(set, path, sets[i][1], error);
    }
    for (size_t i = 0; status == VDT_OK && !any && i < set->file_count; i++)
        if (is_photo(set, i))
            status = add_image(set, folder_group(set->files[i]), set->folder, set->files[i], error);
    return status;
}

/* --- folders ----------------------------------------------------------------------------- */

vdt_status vdt_data_set_find(const char *folder, enum vdt_label_format format,
                             struct vdt_data_set *set, struct vdt_error *error)
{
    struct vdt_label_paths all = {0};
    *set = (struct vdt_data_set){.folder = folder};
    vdt_status status = vdt_label_paths_list(folder, "", &all, error);
    if (status != VDT_OK)
        return status;
    set->files = all.names;
    set->file_count = all.count;
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++)
        if (is_image(all.names[i]) || vdt_label_ends_with(all.names[i], ".json")) {
            char *moved = all.names[kept];
            all.names[kept++] = all.names[i];
            all.names[i] = moved; /* the rest is freed with the list */
        }
    set->file_count = kept;
    status = format == VDT_LABELS_COCO   ? find_coco(set, error)
             : format == VDT_LABELS_YOLO ? find_yolo(set, error)
                                         : find_voc(set, error);
    if (status != VDT_OK || set->part_count > 0)
        return status;
    return vdt_fail(error, VDT_ERR_NOT_FOUND,
                    "%s: neither an export (it has no vedatile.json) nor a folder of images with "
                    "labels of this format",
                    folder);
}
