/* Scope-bound release: vdt_cleanup(free_thing) struct thing *t = ...; */
#ifndef BASE_CLEANUP_H
#define BASE_CLEANUP_H

#include <stdlib.h>
#include <unistd.h>

/* `function` gets a pointer to the variable when its scope ends. */
#define vdt_cleanup(function) __attribute__((cleanup(function)))

/* For any pointer from malloc: vdt_cleanup(vdt_free_pointer) char *text = NULL; */
static inline void vdt_free_pointer(void *variable)
{
    free(*(void **)variable);
}

/* For a file descriptor; negative is none. */
static inline void vdt_close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
}

#endif
