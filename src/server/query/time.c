/* What requests say of time. */
#include "server/query/time.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "server/meta/times.h"

bool vdt_date_parse(const char *text, int64_t *time)
{
    char full[32];
    if (strlen(text) != strlen("2021-04-08"))
        return false;
    snprintf(full, sizeof full, "%sT00:00:00Z", text);
    return vdt_time_parse(full, time);
}

/* One end of an interval. */
static bool read_end(const char *text, size_t size, int64_t open, int64_t *time)
{
    char copy[64];
    if (size == 0 || (size == 2 && memcmp(text, "..", 2) == 0)) {
        *time = open;
        return true;
    }
    if (size >= sizeof copy)
        return false;
    memcpy(copy, text, size);
    copy[size] = '\0';
    return vdt_time_parse(copy, time);
}

vdt_status vdt_interval_parse(const char *text, struct vdt_interval *interval,
                              struct vdt_error *error)
{
    struct vdt_interval read = {INT64_MIN, INT64_MAX};
    const char *slash = strchr(text, '/');
    bool good;
    if (slash == NULL) {
        good =
            *text != '\0' && *text != '.' && read_end(text, strlen(text), INT64_MIN, &read.start);
        read.end = read.start;
    } else {
        good = read_end(text, (size_t)(slash - text), INT64_MIN, &read.start) &&
               read_end(slash + 1, strlen(slash + 1), INT64_MAX, &read.end) &&
               (read.start != INT64_MIN || read.end != INT64_MAX);
    }
    if (!good)
        return vdt_fail(error, VDT_ERR_ARGUMENT,
                        "datetime: %.100s is no time; write 2021-04-08T04:39:23Z, or two of these "
                        "with / between, of which one may be ..",
                        text);
    if (read.start > read.end)
        return vdt_fail(error, VDT_ERR_ARGUMENT, "datetime: %.100s ends before it starts", text);
    *interval = read;
    return VDT_OK;
}
