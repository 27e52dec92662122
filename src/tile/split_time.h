/* Splits by time: moments as texts that sort, and limits between groups. */
#ifndef TILE_SPLIT_TIME_H
#define TILE_SPLIT_TIME_H

#include <stdbool.h>
#include <stddef.h>

enum { VDT_TIME_SIZE = 20 }; /* "2019-01-31T23:59:59" */

/* An ISO 8601 date or time, in UTC (with Z or without a zone), as such a text; what is missing is
 * 0. False for anything else. */
bool vdt_time_read(const char *text, char time[VDT_TIME_SIZE]);

/* Limits between groups that get these shares (positive, sum 1) of the moments, in their order:
 * whole numbers, what is over going to the first groups. Equal moments are not parted; the limit
 * moves to the nearest place between different ones. limits[g] is the first moment of the group
 * after g, the last one and those without a moment behind them are "". `times` is sorted. */
void vdt_time_limits(char (*times)[VDT_TIME_SIZE], size_t count, const double *shares,
                     size_t groups, char (*limits)[VDT_TIME_SIZE]);

/* The group of a moment: the first whose limit is behind it, "" being the end of time. */
int vdt_time_group(const char (*limits)[VDT_TIME_SIZE], size_t groups, const char *time);

#endif
