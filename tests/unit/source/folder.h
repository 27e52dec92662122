/* A folder of a test program's own, with GDAL ready: group setup and teardown of cmocka. */
#ifndef TEST_SOURCE_FOLDER_H
#define TEST_SOURCE_FOLDER_H

#include <gdal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/vdt_source_XXXXXX");
    GDALAllRegister();
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

#endif
