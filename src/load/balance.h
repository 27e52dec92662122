/* Weights that make every class equally likely to be drawn. */
#ifndef LOAD_BALANCE_H
#define LOAD_BALANCE_H

#include <vedatile/loader.h>

/* Appends to weights[0 .. samples of the input) the input's own weights as they are stored. */
vdt_status vdt_weights_stored(const struct vdt_input *input, double *weights,
                              struct vdt_error *error);

/* Weights for all inputs together, input after input: each class that occurs gets the same total,
 * shared evenly by the samples that have it; a sample of several classes gets the sum of its
 * shares. Samples without a class are one more class. Classes come from the one-hot vectors, else
 * from the boxes; VDT_ERR_ARGUMENT names an input that has neither. `group` in an input is not
 * NULL; samples counts `indices` when there are some. */
vdt_status vdt_weights_balanced(const struct vdt_input *inputs, size_t input_count, double *weights,
                                struct vdt_error *error);

#endif
