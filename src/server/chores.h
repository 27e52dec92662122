/* What the server does by itself, now and then, in a thread of its own. */
#ifndef SERVER_CHORES_H
#define SERVER_CHORES_H

#include "server/server.h"

struct vdt_chores;

/* Something to be done again and again: what it does is bounded, and goes on the next time. A
 * failure is logged. New ones go to the list in chores.c. */
struct vdt_chore {
    const char *name;
    unsigned seconds; /* between two times; 0: as often as --housekeeping says */
    vdt_status (*run)(struct vdt_server *server, struct vdt_error *error);
};

vdt_status vdt_chores_start(struct vdt_server *server, struct vdt_chores **chores,
                            struct vdt_error *error);

/* Waits for the one that runs. Accepts NULL. */
void vdt_chores_stop(struct vdt_chores *chores);

#endif
