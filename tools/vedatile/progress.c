/* The progress bar and its machine twin, both on stderr and at most ten times a second. */
#include "progress.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "interrupt.h"
#include "text.h"

#define SHOW_EVERY 0.1    /* s */
#define SMOOTHED_OVER 4.0 /* s */
#define BAR_COLUMNS 30

const char *const progress_modes[] = {"auto", "json", "none", NULL};

double clock_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

struct progress progress_start(enum progress_mode mode, const char *unit)
{
    const char *terminal = getenv("TERM");
    bool dumb = terminal && strcmp(terminal, "dumb") == 0;
    return (struct progress){.unit = unit,
                             .json = mode == PROGRESS_JSON,
                             .bar = mode == PROGRESS_AUTO && isatty(STDERR_FILENO) && !dumb};
}

static unsigned terminal_columns(void)
{
#ifdef TIOCGWINSZ
    struct winsize window;
    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
#endif
    return 80;
}

static void format_time(char *buffer, size_t size, double seconds)
{
    if (seconds < 0 || seconds > 360000)
        snprintf(buffer, size, "--:--");
    else if (seconds < 3600)
        snprintf(buffer, size, "%d:%02d", (int)seconds / 60, (int)seconds % 60);
    else
        snprintf(buffer, size, "%d:%02d:%02d", (int)seconds / 3600, (int)seconds / 60 % 60,
                 (int)seconds % 60);
}

/* Seconds left, or -1 while nothing is known about it. */
static double time_left(const struct progress *progress)
{
    double rate = progress->weight > 0 ? progress->rate / progress->weight : 0;
    if (progress->done >= progress->total)
        return 0;
    return rate > 0 ? (double)(progress->total - progress->done) / rate : -1;
}

static void draw_bar(const struct progress *progress, double rate)
{
    char left[32], line[256], bar[BAR_COLUMNS + 1];
    double share = progress->total ? (double)progress->done / (double)progress->total : 0;
    int filled = (int)(fmin(share, 1) * BAR_COLUMNS);
    for (int i = 0; i < BAR_COLUMNS; i++)
        bar[i] = i < filled ? '#' : '-';
    bar[BAR_COLUMNS] = '\0';
    format_time(left, sizeof left, time_left(progress));
    if (strcmp(progress->unit, "bytes") == 0) {
        char done[32], total[32], speed[32];
        snprintf(line, sizeof line, "%s%s[%s] %3d%%  %s of %s  %s/s  %s left",
                 progress->step ? progress->step : "", progress->step ? " " : "", bar,
                 (int)(fmin(share, 1) * 100), text_bytes(done, sizeof done, progress->done),
                 text_bytes(total, sizeof total, progress->total),
                 text_bytes(speed, sizeof speed, (uint64_t)rate), left);
    } else
        snprintf(line, sizeof line, "%s%s[%s] %3d%%  %llu/%llu %s  %.0f/s  %s left",
                 progress->step ? progress->step : "", progress->step ? " " : "", bar,
                 (int)(fmin(share, 1) * 100), (unsigned long long)progress->done,
                 (unsigned long long)progress->total, progress->unit, rate, left);
    fprintf(stderr, "\r\033[K%.*s", (int)terminal_columns() - 1, line);
    fflush(stderr);
}

static void draw_json(const struct progress *progress, double rate)
{
    char left[32];
    double seconds = time_left(progress);
    snprintf(left, sizeof left, seconds < 0 ? "null" : "%.1f", seconds);
    fputs("{\"event\":\"progress\"", stderr);
    if (progress->step)
        fprintf(stderr, ",\"step\":\"%s\"", progress->step);
    fprintf(stderr, ",\"done\":%llu,\"total\":%llu,\"rate\":%.1f,\"eta_s\":%s}\n",
            (unsigned long long)progress->done, (unsigned long long)progress->total, rate, left);
    fflush(stderr);
}

static void show(struct progress *progress, double now)
{
    double step = now - progress->shown;
    if (progress->done > progress->last && step > 0) {
        double share = 1 - exp(-step / SMOOTHED_OVER);
        double rate = (double)(progress->done - progress->last) / step;
        progress->rate += share * (rate - progress->rate);
        progress->weight += share * (1 - progress->weight);
    }
    double rate = progress->weight > 0 ? progress->rate / progress->weight : 0;
    if (progress->bar)
        draw_bar(progress, rate);
    else
        draw_json(progress, rate);
    progress->shown = now;
    progress->last = progress->done;
    progress->drawn = true;
    progress->pending = false;
}

bool progress_update(uint64_t done, uint64_t total, void *payload)
{
    struct progress *progress = payload;
    if (progress->bar || progress->json) {
        double now = clock_seconds();
        if (!progress->started) {
            progress->started = progress->shown = now;
            progress->first = progress->last = done;
        }
        progress->done = done;
        progress->total = total;
        progress->pending = true;
        if (now - progress->shown >= SHOW_EVERY)
            show(progress, now);
    }
    return !interrupt_pending();
}

void progress_step(struct progress *progress, const char *step)
{
    if (progress->json && progress->pending)
        show(progress, clock_seconds());
    *progress = (struct progress){.bar = progress->bar,
                                  .json = progress->json,
                                  .drawn = progress->drawn || progress->bar,
                                  .unit = progress->unit,
                                  .step = step};
    if (progress->json)
        fprintf(stderr, "{\"event\":\"step\",\"step\":\"%s\"}\n", step);
    if (progress->bar)
        fprintf(stderr, "\r\033[K%s ...", step);
    if (progress->json || progress->bar)
        fflush(stderr);
}

void progress_finish(struct progress *progress)
{
    if (progress->json && progress->pending)
        show(progress, clock_seconds());
    if (progress->bar && progress->drawn) {
        fputs("\r\033[K", stderr);
        fflush(stderr);
    }
    progress->drawn = false;
}
