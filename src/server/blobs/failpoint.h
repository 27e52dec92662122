/* Places where a server of the tests can be made to die: a file ROOT/failpoint with a name and a
 * number ends the process, as kill -9 does, when that place is passed for the number-th time. Only
 * builds with tests have it (failpoint_on.c). */
#ifndef SERVER_BLOBS_FAILPOINT_H
#define SERVER_BLOBS_FAILPOINT_H

void vdt_failpoint(const char *root, const char *name);

#endif
