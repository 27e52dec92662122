/* Which samples a sheet shows. */
#include "choose.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"
#include "store_text.h"

/* splitmix64 (Steele, Lea, Flood 2014). */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static vdt_status find_class(const struct vdt_reader *reader, const char *name, size_t *id,
                             struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    char known[400] = "";
    size_t used = 0;
    for (size_t i = 0; i < spec.class_count; i++) {
        if (strcmp(spec.classes[i], name) == 0) {
            *id = i;
            return VDT_OK;
        }
        if (used + strlen(spec.classes[i]) + 8 < sizeof known)
            used += (size_t)snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "",
                                     spec.classes[i]);
    }
    return error_set(error, VDT_ERR_NOT_FOUND, "--class %s: the store's classes are %s", name,
                     used ? known : "none");
}

/* The samples of a group, or those of a class, as indices in store order. Owned by the caller. */
static vdt_status list_candidates(const struct vdt_reader *reader, size_t group,
                                  const char *class_name, uint64_t **indices, uint64_t *count,
                                  struct vdt_error *error)
{
    struct vdt_store_spec spec = vdt_reader_spec(reader);
    uint64_t all = vdt_reader_count(reader, group);
    size_t class_id = 0;
    vdt_status status = class_name ? find_class(reader, class_name, &class_id, error) : VDT_OK;
    if (status)
        return status;
    uint64_t *found = calloc(all + 1, sizeof *found);
    uint64_t used = 0;
    if (!found)
        return error_memory(error);
    for (uint64_t i = 0; !status && i < all; i++) {
        struct labels labels;
        bool wanted = true;
        if (class_name) {
            status = labels_load(reader, (struct sample_ref){group, i}, &labels, error);
            if (status)
                break;
            wanted = labels_show(&labels, &spec, class_id);
            labels_clear(&labels);
        }
        if (wanted)
            found[used++] = i;
    }
    if (status) {
        free(found);
        return status;
    }
    *indices = found;
    *count = used;
    return VDT_OK;
}

static int compare_indices(const void *a, const void *b)
{
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

/* Moves `wanted` of the indices to the front, in store order. */
static void pick(const struct choice *choice, uint64_t *indices, uint64_t count, size_t wanted)
{
    uint64_t state = choice->seed;
    if (!choice->random) {
        for (size_t i = 0; i < wanted; i++)
            indices[i] = indices[(uint64_t)((double)i * (double)count / (double)wanted)];
        return;
    }
    for (size_t i = 0; i < wanted; i++) {
        uint64_t other = i + next_random(&state) % (count - i);
        uint64_t kept = indices[i];
        indices[i] = indices[other];
        indices[other] = kept;
    }
    qsort(indices, wanted, sizeof *indices, compare_indices);
}

static vdt_status choose_from_group(const struct vdt_reader *reader, const struct choice *choice,
                                    struct chosen *chosen, struct vdt_error *error)
{
    size_t group = 0;
    uint64_t *indices = NULL, count = 0;
    vdt_status status = store_group(reader, choice->group, &group, error);
    if (!status)
        status = list_candidates(reader, group, choice->class_name, &indices, &count, error);
    if (status)
        return status;
    const char *name = vdt_reader_group_name(reader, group);
    size_t wanted = count < choice->count ? (size_t)count : choice->count;
    snprintf(chosen->title, sizeof chosen->title, "%.60s%s%.80s", name,
             choice->class_name ? " with " : "", choice->class_name ? choice->class_name : "");
    chosen->samples = calloc(wanted + 1, sizeof *chosen->samples);
    if (!chosen->samples)
        status = error_memory(error);
    else if (wanted == 0)
        status = error_set(error, VDT_ERR_NOT_FOUND, "group %s has no samples%s%s", name,
                           choice->class_name ? " with " : "",
                           choice->class_name ? choice->class_name : "");
    if (!status) {
        pick(choice, indices, count, wanted);
        for (size_t i = 0; i < wanted; i++)
            chosen->samples[i] = (struct sample_ref){.group = group, .index = indices[i]};
        chosen->count = wanted;
        chosen->of = count;
    }
    free(indices);
    return status;
}

struct key_search {
    const struct choice *choice;
    unsigned *found; /* [key_count] samples that match */
    bool *exact;     /* [key_count] */
};

static void match_keys(const struct key_search *search, const char *key, struct sample_ref sample,
                       struct chosen *chosen)
{
    for (size_t i = 0; i < search->choice->key_count; i++) {
        const char *wanted = search->choice->keys[i];
        bool exact = strcmp(wanted, key) == 0;
        if (!exact && (search->exact[i] || strncmp(wanted, key, strlen(wanted)) != 0))
            continue;
        search->found[i] = exact ? 1 : search->found[i] + 1;
        search->exact[i] = exact;
        chosen->samples[i] = sample;
    }
}

static vdt_status search_group(const struct vdt_reader *reader, size_t group,
                               const struct key_search *search, struct chosen *chosen,
                               struct vdt_error *error)
{
    uint64_t count = vdt_reader_count(reader, group);
    chosen->of += count;
    for (uint64_t i = 0; i < count; i++) {
        struct vdt_sample row;
        vdt_status status = vdt_reader_sample(reader, group, i, &row, NULL, error);
        if (status)
            return status;
        match_keys(search, row.key, (struct sample_ref){.group = group, .index = i}, chosen);
    }
    return VDT_OK;
}

static vdt_status check_found(const struct key_search *search, struct vdt_error *error)
{
    for (size_t i = 0; i < search->choice->key_count; i++)
        if (search->found[i] != 1)
            return error_set(error, VDT_ERR_NOT_FOUND, "--sample %s: %s", search->choice->keys[i],
                             search->found[i] ? "more than one sample's key begins so"
                                              : "no sample of that key");
    return VDT_OK;
}

static vdt_status choose_by_key(const struct vdt_reader *reader, const struct choice *choice,
                                struct chosen *chosen, struct vdt_error *error)
{
    size_t only = 0;
    vdt_status status =
        choice->group ? vdt_reader_find_group(reader, choice->group, &only, error) : VDT_OK;
    struct key_search search = {.choice = choice,
                                .found = calloc(choice->key_count, sizeof *search.found),
                                .exact = calloc(choice->key_count, sizeof *search.exact)};
    chosen->samples = calloc(choice->key_count, sizeof *chosen->samples);
    if (!status && (!search.found || !search.exact || !chosen->samples))
        status = error_memory(error);
    for (size_t group = 0; !status && group < vdt_reader_group_count(reader); group++)
        if (!choice->group || group == only)
            status = search_group(reader, group, &search, chosen, error);
    if (!status)
        status = check_found(&search, error);
    chosen->count = choice->key_count;
    snprintf(chosen->title, sizeof chosen->title, "%.100s",
             choice->group ? choice->group : "all groups");
    free(search.found);
    free(search.exact);
    return status;
}

vdt_status choose_samples(const struct vdt_reader *reader, const struct choice *choice,
                          struct chosen *chosen, struct vdt_error *error)
{
    struct chosen found = {0};
    vdt_status status = choice->key_count ? choose_by_key(reader, choice, &found, error)
                                          : choose_from_group(reader, choice, &found, error);
    if (status)
        choose_clear(&found);
    else
        *chosen = found;
    return status;
}

void choose_clear(struct chosen *chosen)
{
    free(chosen->samples);
    *chosen = (struct chosen){0};
}
