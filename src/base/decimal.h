/* Numbers as JSON spells them. */
#ifndef BASE_DECIMAL_H
#define BASE_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* Bytes behind a number's begin that have to be readable. */
enum { VDT_DECIMAL_AHEAD = 8 };

struct vdt_decimal {
    bool whole;      /* neither point nor exponent, and `integer` has it */
    int64_t integer; /* when whole */
    double real;     /* the nearest double, ties to even; infinite when it is too large */
};

/* Reads the number that begins at `text`, which ends with a NUL and VDT_DECIMAL_AHEAD readable
 * bytes behind that. The byte behind the number, or NULL where no number begins, as JSON has them:
 * no plus sign, no leading zeros, digits before and behind the point. */
const char *vdt_decimal_read(const char *text, struct vdt_decimal *number);

/* The digits of a number without their point: mantissa * 10 ^ power. */
struct vdt_digits {
    uint64_t mantissa;
    int power;
};

/* The nearest double of digits that fit 64 bits. False where it takes more work to know. */
bool vdt_decimal_quick(const struct vdt_digits *digits, double *value);

/* The nearest double by the C library, in no locale. */
double vdt_decimal_slow(const char *begin, const char *end);

#endif
