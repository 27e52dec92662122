/* The thread that does evaluations, one after the other, in the order in which they were asked
 * for. */
#ifndef SERVER_EVALS_EVALS_H
#define SERVER_EVALS_EVALS_H

#include <vedatile/error.h>

struct vdt_server;
struct vdt_evals;

/* Makes pending what ran when the last server ended, opens runs again whose commit it did not
 * finish, and begins. */
vdt_status vdt_evals_start(struct vdt_server *server, struct vdt_evals **evals,
                           struct vdt_error *error);

/* There may be something to do. NULL: nothing. */
void vdt_evals_wake(struct vdt_evals *evals);

/* The one at hand is pending again then. NULL: nothing. */
void vdt_evals_stop(struct vdt_evals *evals);

#endif
