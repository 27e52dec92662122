/* Moments are compared as texts of one form. */
#include "tile/split_time.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool vdt_time_read(const char *text, char time[VDT_TIME_SIZE])
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    unsigned part[6] = {0};
    int used = 0, more = 0;
    if (strlen(text) < 10 || strspn(text, "0123456789") != 4 ||
        sscanf(text, "%4u-%2u-%2u%n", &part[0], &part[1], &part[2], &used) != 3 || used != 10)
        return false;
    text += used;
    if (*text == 'T' || *text == ' ') {
        if (sscanf(text + 1, "%2u:%2u%n", &part[3], &part[4], &more) != 2 || more != 5)
            return false;
        text += 1 + more;
        if (*text == ':') {
            if (sscanf(text + 1, "%2u%n", &part[5], &more) != 1 || more != 2)
                return false;
            text += 1 + more;
            if (*text == '.')
                text += 1 + strspn(text + 1, "0123456789");
        }
        if (*text == 'Z')
            text++;
    }
    if (*text != '\0' || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[3] > 23 ||
        part[4] > 59 || part[5] > 60)
        return false;
    bool leap = part[0] % 4 == 0 && (part[0] % 100 != 0 || part[0] % 400 == 0);
    if (part[2] > (unsigned)days[part[1] - 1] + (leap && part[1] == 2))
        return false;
    snprintf(time, VDT_TIME_SIZE, "%04u-%02u-%02uT%02u:%02u:%02u", part[0] % 10000, part[1] % 100,
             part[2] % 100, part[3] % 100, part[4] % 100, part[5] % 100);
    return true;
}

/* The place nearest to `at` where the moment differs from the one before it, or an end. */
static size_t between(char (*times)[VDT_TIME_SIZE], size_t count, size_t at)
{
    size_t low = at, high = at;
    while (low > 0 && low < count && strcmp(times[low - 1], times[low]) == 0)
        low--;
    while (high > 0 && high < count && strcmp(times[high - 1], times[high]) == 0)
        high++;
    if (low == 0 || (high < count && high - at <= at - low))
        return high;
    return low;
}

void vdt_time_limits(char (*times)[VDT_TIME_SIZE], size_t count, const double *shares,
                     size_t groups, char (*limits)[VDT_TIME_SIZE])
{
    size_t whole = 0, at = 0;
    for (size_t g = 0; g < groups; g++)
        whole += (size_t)floor(shares[g] * (double)count + 1e-9);
    size_t over = count - whole;
    for (size_t g = 0; g < groups; g++) {
        at += (size_t)floor(shares[g] * (double)count + 1e-9) + (g < over ? 1 : 0);
        size_t end = between(times, count, at < count ? at : count);
        snprintf(limits[g], VDT_TIME_SIZE, "%s", g + 1 < groups && end < count ? times[end] : "");
    }
}

int vdt_time_group(const char (*limits)[VDT_TIME_SIZE], size_t groups, const char *time)
{
    size_t g = 0;
    while (g + 1 < groups && limits[g][0] != '\0' && strcmp(time, limits[g]) >= 0)
        g++;
    return (int)g;
}
