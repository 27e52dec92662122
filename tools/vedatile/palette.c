/* Okabe and Ito's colours, brightened where satellite imagery is dark, then evenly spread hues. */
#include "palette.h"

#include <math.h>

static const unsigned fixed[] = {
    0xE69F00, /* orange */
    0x56B4E9, /* sky */
    0xF0E442, /* yellow */
    0xCC79A7, /* pink */
    0x00B283, /* green */
    0xE8590C, /* vermilion */
    0x3B7DDD, /* blue */
    0xB8E186, /* lime */
    0x9B6BD6, /* violet */
    0xF7B6D2, /* rose */
    0x8C6D46, /* brown */
    0x9EDAE5, /* ice */
};

enum { FIXED_COUNT = sizeof fixed / sizeof fixed[0] };

static double channel(double hue, double shift, double value, double saturation)
{
    double at = fmod(hue * 6 + shift, 6);
    double part = fmax(0, fmin(1, fmin(at, 4 - at)));
    return value * (1 - saturation * part);
}

struct colour palette_colour(size_t class_id)
{
    if (class_id < FIXED_COUNT) {
        unsigned rgb = fixed[class_id];
        return (struct colour){.red = (rgb >> 16) / 255.0,
                               .green = ((rgb >> 8) & 255) / 255.0,
                               .blue = (rgb & 255) / 255.0};
    }
    /* The golden ratio's multiples are spread evenly however many there are. */
    size_t step = class_id - FIXED_COUNT;
    double hue = fmod(0.07 + 0.6180339887498949 * (double)step, 1);
    double value = step % 2 ? 0.78 : 0.95;
    double saturation = step % 3 ? 0.75 : 0.5;
    return (struct colour){.red = channel(hue, 5, value, saturation),
                           .green = channel(hue, 3, value, saturation),
                           .blue = channel(hue, 1, value, saturation)};
}

bool palette_is_light(struct colour colour)
{
    return 0.299 * colour.red + 0.587 * colour.green + 0.114 * colour.blue > 0.55;
}
