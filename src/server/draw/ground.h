/* The ground under tiles, in a worker: PROJ's data base is opened before the worker is confined.
 * Private to draw/. */
#ifndef SERVER_DRAW_GROUND_H
#define SERVER_DRAW_GROUND_H

/* PROJ's data base is open, for this process. Returns the highest descriptor that may be of it. */
int vdt_ground_prepare(void);

#endif
