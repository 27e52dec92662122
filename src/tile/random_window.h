/* Windows at random places of a scene. Each is a function of (seed, scene, number) alone: no stream
 * is shared, so threads, order and how many are asked for have no say. */
#ifndef TILE_RANDOM_WINDOW_H
#define TILE_RANDOM_WINDOW_H

#include <stdint.h>
#include <vedatile/error.h>

#include "tile/window.h"

/* What the windows of one scene are drawn from. `digest` is the scene's. */
uint64_t vdt_random_stream(uint64_t seed, const char *digest);

/* Window `number` of the grid's tile size, wholly inside the scene (which the tile must fit into),
 * every place equally likely. The grid's stride and edge have no say. */
struct vdt_window vdt_random_window(const struct vdt_grid *grid, uint64_t stream, uint64_t number);

/* How many different windows the scene has; `apart`: none of which overlap. */
uint64_t vdt_random_room(const struct vdt_grid *grid, bool apart);

/* A set of windows of one size, by place; {0} is empty. */
struct vdt_window_set {
    struct vdt_window *slots; /* cols 0: free */
    size_t capacity;          /* a power of two */
    size_t count;
};
void vdt_window_set_clear(struct vdt_window_set *set);

/* Adds the window unless it shares a pixel with one of the set, all of which lie apart and are of
 * its size. *added says whether it did. */
vdt_status vdt_window_set_add_apart(struct vdt_window_set *set, const struct vdt_window *window,
                                    bool *added, struct vdt_error *error);

/* How many numbers are tried to place `count` windows that must not be anywhere. */
uint64_t vdt_random_tries(uint64_t count);

#endif
