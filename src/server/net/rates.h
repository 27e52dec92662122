/* How often somebody may ask: a bucket of requests for each key, refilled at a rate. */
#ifndef SERVER_NET_RATES_H
#define SERVER_NET_RATES_H

#include <stdbool.h>
#include <stdint.h>
#include <vedatile/error.h>

struct vdt_rates;

/* `rate` requests a second, `burst` at once. */
vdt_status vdt_rates_open(double rate, double burst, struct vdt_rates **rates,
                          struct vdt_error *error);

/* Takes one from the key's bucket at the time `now` (nanoseconds). 0, or the seconds to wait. */
double vdt_rates_take(struct vdt_rates *rates, uint64_t key, int64_t now);

/* The keys of a text and of a number; they do not meet but by chance of 1 in 2^64. */
uint64_t vdt_rates_key(const char *kind, const char *text);

/* Accepts NULL. */
void vdt_rates_close(struct vdt_rates *rates);

#endif
