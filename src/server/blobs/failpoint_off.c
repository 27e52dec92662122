#include "server/blobs/failpoint.h"

void vdt_failpoint(const char *root, const char *name)
{
    (void)root;
    (void)name;
}
