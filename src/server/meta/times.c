/* Times as people and JSON write them. */
#include "server/meta/times.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int64_t vdt_time_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * VDT_SECOND + now.tv_nsec / 1000;
}

void vdt_time_text(int64_t time, char text[VDT_TIME_ROOM])
{
    int64_t fraction = time % VDT_SECOND;
    if (fraction < 0)
        fraction += VDT_SECOND;
    time_t seconds = (time_t)((time - fraction) / VDT_SECOND);
    struct tm parts;
    if (gmtime_r(&seconds, &parts) == NULL || parts.tm_year < -1900 || parts.tm_year > 8099) {
        text[0] = '\0';
        return;
    }
    size_t size = (size_t)snprintf(text, VDT_TIME_ROOM, "%04d-%02d-%02dT%02d:%02d:%02d",
                                   parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday,
                                   parts.tm_hour, parts.tm_min, parts.tm_sec);
    if (fraction != 0) {
        size += (size_t)snprintf(text + size, VDT_TIME_ROOM - size, ".%06d", (int)fraction);
        while (text[size - 1] == '0')
            size--;
    }
    snprintf(text + size, VDT_TIME_ROOM - size, "Z");
}

json_t *vdt_time_json(int64_t time)
{
    char text[VDT_TIME_ROOM];
    vdt_time_text(time, text);
    return text[0] == '\0' ? json_null() : json_string(text);
}

/* Exactly `count` digits. */
static bool digits(const char **text, int count, int *value)
{
    *value = 0;
    for (int i = 0; i < count; i++, ++*text) {
        if (**text < '0' || **text > '9')
            return false;
        *value = *value * 10 + (**text - '0');
    }
    return true;
}

static bool mark(const char **text, const char *any)
{
    if (**text == '\0' || strchr(any, **text) == NULL)
        return false;
    ++*text;
    return true;
}

/* Days from 1970 to a date of the proleptic Gregorian calendar. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t of_era = y - era * 400;
    int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int days_in(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

/* What follows the seconds: ".5", then the zone, as microseconds to add. */
static bool parse_tail(const char **text, int64_t *add)
{
    if (**text == '.') {
        ++*text;
        if (!isdigit((unsigned char)**text))
            return false;
        for (int64_t unit = VDT_SECOND / 10; isdigit((unsigned char)**text); unit /= 10, ++*text)
            *add += unit * (**text - '0');
    }
    if (mark(text, "Zz"))
        return true;
    bool west = **text == '-';
    int hours, minutes;
    if (!mark(text, "+-") || !digits(text, 2, &hours) || !mark(text, ":") ||
        !digits(text, 2, &minutes) || hours > 23 || minutes > 59)
        return false;
    int64_t offset = (int64_t)(hours * 60 + minutes) * 60 * VDT_SECOND;
    *add += west ? offset : -offset;
    return true;
}

bool vdt_time_parse(const char *text, int64_t *time)
{
    int year, month, day, hour, minute, second;
    int64_t add = 0;
    if (!digits(&text, 4, &year) || !mark(&text, "-") || !digits(&text, 2, &month) ||
        !mark(&text, "-") || !digits(&text, 2, &day) || !mark(&text, "Tt") ||
        !digits(&text, 2, &hour) || !mark(&text, ":") || !digits(&text, 2, &minute) ||
        !mark(&text, ":") || !digits(&text, 2, &second) || !parse_tail(&text, &add) ||
        *text != '\0')
        return false;
    if (month < 1 || month > 12 || day < 1 || day > days_in(year, month) || hour > 23 ||
        minute > 59 || second > 60)
        return false;
    int64_t seconds = days_of(year, month, day) * 86400 + hour * 3600 + minute * 60 + second;
    int64_t utc = seconds * VDT_SECOND + add;
    if (utc < days_of(0, 1, 1) * VDT_DAY || utc >= days_of(10000, 1, 1) * VDT_DAY)
        return false; /* it could not be written again */
    *time = utc;
    return true;
}
