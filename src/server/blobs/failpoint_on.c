/* Of builds with tests only: see failpoint.h. */
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/blobs/failpoint.h"

void vdt_failpoint(const char *root, const char *name)
{
    static atomic_uint passed; /* a process dies at one place only, so one count is enough */
    char path[4096];
    char wanted[64];
    unsigned times = 1;
    snprintf(path, sizeof path, "%s/failpoint", root);
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return;
    int found = fscanf(file, "%63s %u", wanted, &times);
    fclose(file);
    if (found < 1 || strcmp(wanted, name) != 0 || atomic_fetch_add(&passed, 1) + 1 < times)
        return;
    kill(getpid(), SIGKILL);
    pause();
}
