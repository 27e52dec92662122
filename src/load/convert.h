/* Rows of values from one type to another. */
#ifndef LOAD_CONVERT_H
#define LOAD_CONVERT_H

#include <stddef.h>
#include <stdint.h>
#include <vedatile/types.h>

uint16_t vdt_half_from_float(float value);     /* nearest, ties to even; overflow is infinity */
uint16_t vdt_bfloat16_from_float(float value); /* nearest, ties to even; NaN stays NaN */
float vdt_float_from_half(uint16_t half);

#endif
