/* Versions of vedatile and of what it runs on. */
#include <pthread.h>
#include <stdio.h>
#include <vedatile/types.h>

#include "source/version.h"
#include "store/version.h"

static char versions[512];
static pthread_once_t versions_once = PTHREAD_ONCE_INIT;

static void find_versions(void)
{
    char source[256];
    vdt_source_versions(source, sizeof source);
    snprintf(versions, sizeof versions, "vedatile %s\n%s\nHDF5 %s", VEDATILE_VERSION, source,
             vdt_h5_version());
}

const char *vdt_versions(void)
{
    pthread_once(&versions_once, find_versions);
    return versions;
}
