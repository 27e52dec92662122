/* Rows of values from one type to another. Any thread; no allocation. */
#ifndef LOAD_CONVERT_H
#define LOAD_CONVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <vedatile/types.h>

uint16_t vdt_half_from_float(float value);     /* nearest, ties to even; overflow is infinity */
uint16_t vdt_bfloat16_from_float(float value); /* nearest, ties to even; NaN stays NaN */
float vdt_float_from_half(uint16_t half);

/* out = (in - offset) * factor, as struct vdt_transform (vedatile/loader.h) computes and rounds:
 * what lies near a large offset keeps its digits. */
struct vdt_conversion {
    enum vdt_dtype from;
    enum vdt_dtype to; /* an integer type only from integer types, and not scaled */
    bool scaled;       /* false: values are only converted */
    double factor;
    double offset;
};

/* in, out: `count` values at any addresses, not overlapping. */
void vdt_convert(const struct vdt_conversion *conversion, const void *in, size_t count, void *out);

bool vdt_is_integer(enum vdt_dtype dtype);

#endif
