/* Numbers as JSON spells them. */
#include "base/decimal.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/decimal_powers.h"

enum { FITS = 19, SLOW_TEXT = 256 };

__extension__ typedef unsigned __int128 wide;

/* --- a mantissa and a power ---------------------------------------------------------------- */

/* mantissa * 10 ^ power with the mantissa's first bit at the top: 128 bits of the product with a
 * power of five, of which the upper 64 are enough to round, and say so when they are not
 * (D. Lemire, "Number parsing at a gigabyte per second", 2021). */
static bool round_product(uint64_t mantissa, int power, double *value)
{
    int zeros = __builtin_clzll(mantissa);
    mantissa <<= zeros;
    const uint64_t *five = powers[power - LEAST_POWER];
    wide product = (wide)mantissa * five[0];
    uint64_t upper = (uint64_t)(product >> 64), lower = (uint64_t)product;
    if ((upper & 0x1ff) == 0x1ff) { /* the power's lower half may carry into the bits that count */
        uint64_t more = (uint64_t)(((wide)mantissa * five[1]) >> 64);
        lower += more;
        upper += lower < more;
        if (lower == UINT64_MAX)
            return false;
    }
    int top = (int)(upper >> 63);
    uint64_t bits = upper >> (top + 9);
    int exponent = ((217706 * power) >> 16) + 63 + top - zeros + 1023; /* 217706 / 2^16: log2(10) */
    if (exponent <= 0 || exponent >= 2046)
        return false;
    /* Just between two doubles: only where 5 ^ power fits 64 bits. */
    if (lower <= 1 && power >= -4 && power <= 23 && (bits & 3) == 1 && bits << (top + 9) == upper)
        bits &= ~(uint64_t)1;
    bits = (bits + (bits & 1)) >> 1;
    if (bits >= (uint64_t)2 << 52) {
        bits = (uint64_t)1 << 52;
        exponent++;
    }
    uint64_t image = (bits & ~((uint64_t)1 << 52)) | (uint64_t)exponent << 52;
    memcpy(value, &image, sizeof *value);
    return true;
}

bool vdt_decimal_quick(const struct vdt_digits *digits, double *value)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                  1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                  1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    enum { EXACT = sizeof tens / sizeof tens[0] - 1 };
    uint64_t mantissa = digits->mantissa;
    int power = digits->power;
    if (mantissa <= (uint64_t)1 << 53 && power >= -EXACT && power <= EXACT) {
        *value = power < 0 ? (double)mantissa / tens[-power] : (double)mantissa * tens[power];
        return true;
    }
    if (mantissa == 0) {
        *value = 0;
        return true;
    }
    return power >= LEAST_POWER && power <= MOST_POWER && round_product(mantissa, power, value);
}

double vdt_decimal_slow(const char *begin, const char *end)
{
    char text[SLOW_TEXT];
    size_t size = (size_t)(end - begin);
    char *copy = size < sizeof text ? text : malloc(size + 1);
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = NAN;
    if (copy != NULL && plain != (locale_t)0) {
        memcpy(copy, begin, size);
        copy[size] = '\0';
        locale_t before = uselocale(plain);
        value = strtod(copy, NULL);
        uselocale(before);
    }
    if (plain != (locale_t)0)
        freelocale(plain);
    if (copy != text)
        free(copy);
    return value;
}

/* --- text ---------------------------------------------------------------------------------- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Eight digits at once where there are eight (a multiplication for each doubling of the group). */
static bool eight_digits(const char *at, uint64_t *mantissa)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    uint64_t eight;
    memcpy(&eight, at, sizeof eight);
    uint64_t over = eight + 0x4646464646464646, under = eight - 0x3030303030303030;
    if (((over | under) & 0x8080808080808080) != 0)
        return false;
    eight = under;
    eight = eight * 10 + (eight >> 8);
    eight = ((eight & 0x000000ff000000ff) * 0x000f424000000064 +
             ((eight >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
            32;
    *mantissa = *mantissa * 100000000 + eight;
    return true;
#else
    (void)at;
    (void)mantissa;
    return false;
#endif
}

static const char *read_digits(const char *at, uint64_t *mantissa)
{
    while (eight_digits(at, mantissa))
        at += 8;
    for (; is_digit(*at); at++)
        *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
    return at;
}

/* How many digits count: all but the zeros in front. */
static long significant(const char *first, const char *end)
{
    const char *at = first;
    long points = 0;
    while (at < end && (*at == '0' || *at == '.'))
        at++;
    for (const char *c = at; c < end; c++)
        points += *c == '.';
    return (long)(end - at) - points;
}

static const char *read_exponent(const char *at, int *power)
{
    bool negative = *at == '-';
    at += *at == '-' || *at == '+';
    if (!is_digit(*at))
        return NULL;
    int exponent = 0;
    for (; is_digit(*at); at++)
        if (exponent < 100000)
            exponent = exponent * 10 + (*at - '0');
    *power += negative ? -exponent : exponent;
    return at;
}

const char *vdt_decimal_read(const char *text, struct vdt_decimal *number)
{
    bool negative = *text == '-';
    const char *first = text + negative;
    struct vdt_digits digits = {0};
    const char *at = read_digits(first, &digits.mantissa);
    if (at == first || (*first == '0' && at > first + 1))
        return NULL;
    number->whole = true;
    if (*at == '.') {
        const char *point = at + 1;
        at = read_digits(point, &digits.mantissa);
        if (at == point)
            return NULL;
        digits.power = at - point < 100000 ? (int)(point - at) : -100000;
        number->whole = false;
    }
    bool fits = at - first <= FITS || significant(first, at) <= FITS;
    if (*at == 'e' || *at == 'E') {
        at = read_exponent(at + 1, &digits.power);
        if (at == NULL)
            return NULL;
        number->whole = false;
    }
    if (number->whole && fits && digits.mantissa <= INT64_MAX)
        number->integer = negative ? -(int64_t)digits.mantissa : (int64_t)digits.mantissa;
    else
        number->whole = false;
    if (fits && vdt_decimal_quick(&digits, &number->real))
        number->real = negative ? -number->real : number->real;
    else
        number->real = vdt_decimal_slow(text, at);
    return at;
}
