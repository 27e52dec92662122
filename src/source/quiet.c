/* GDAL's own messages, caught instead of printed. */
#include "source/quiet.h"

#include <cpl_error.h>
#include <errno.h>
#include <gdal.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/error.h"

static pthread_once_t registered = PTHREAD_ONCE_INIT;

/* Some drivers only warn when a block is cut short, and hand out zeros as if they were image. */
static bool tells_of_damage(const char *text)
{
    static const char *const words[] = {"corrupt", "premature", "truncat", "unexpected end"};
    for (const char *c = text; *c != '\0'; c++)
        for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
            if (strncasecmp(c, words[i], strlen(words[i])) == 0)
                return true;
    return false;
}

static void CPL_STDCALL keep_message(CPLErr level, CPLErrorNum number, const char *text)
{
    (void)number;
    struct vdt_quiet *quiet = CPLGetErrorHandlerUserData();
    bool first = quiet->failures + quiet->damage == 0;
    if (level == CE_Failure || level == CE_Fatal)
        quiet->failures++;
    else if (level == CE_Warning && tells_of_damage(text))
        quiet->damage++;
    else
        return;
    if (first)
        snprintf(quiet->text, sizeof quiet->text, "%s", text);
}

void vdt_quiet_begin(struct vdt_quiet *quiet)
{
    *quiet = (struct vdt_quiet){0};
    CPLPushErrorHandlerEx(keep_message, quiet);
    pthread_once(&registered, GDALAllRegister);
    CPLErrorReset();
}

void vdt_quiet_end(struct vdt_quiet *quiet)
{
    (void)quiet;
    CPLPopErrorHandler();
    CPLErrorReset();
}

void vdt_quiet_reset(struct vdt_quiet *quiet)
{
    *quiet = (struct vdt_quiet){0};
    CPLErrorReset();
}

const char *vdt_quiet_text(const struct vdt_quiet *quiet, const char *otherwise)
{
    return quiet->text[0] == '\0' ? otherwise : quiet->text;
}

vdt_status vdt_check_exists(const char *path, struct vdt_error *error)
{
    struct stat info;
    if (stat(path, &info) == 0)
        return VDT_OK;
    if (errno != ENOENT && errno != ENOTDIR && errno != EACCES)
        return VDT_OK;
    bool plain = strncmp(path, "/vsi", 4) != 0 && strpbrk(path, ":<{?") == NULL;
    if (!plain)
        return VDT_OK;
    if (errno == EACCES)
        return vdt_fail_errno(error, path);
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no such file: check the path", path);
}
