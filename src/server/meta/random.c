/* Randomness of the machine. */
#include "server/meta/random.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"

vdt_status vdt_random_bytes(void *bytes, size_t size, struct vdt_error *error)
{
    unsigned char *at = bytes;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return vdt_fail_errno(error, "random numbers");
        at += got;
        size -= (size_t)got;
    }
    return VDT_OK;
}

vdt_status vdt_random_text(const char *alphabet, size_t count, char *text, struct vdt_error *error)
{
    size_t letters = strlen(alphabet);
    size_t even = 256 - 256 % letters; /* bytes from here on would favour the first letters */
    unsigned char bytes[64];
    size_t made = 0;
    while (made < count) {
        vdt_status status = vdt_random_bytes(bytes, sizeof bytes, error);
        if (status != VDT_OK)
            return status;
        for (size_t i = 0; i < sizeof bytes && made < count; i++)
            if (bytes[i] < even)
                text[made++] = alphabet[bytes[i] % letters];
    }
    text[count] = '\0';
    return VDT_OK;
}

vdt_status vdt_random_slug(char slug[VDT_SLUG_SIZE + 1], struct vdt_error *error)
{
    return vdt_random_text("abcdefghijklmnopqrstuvwxyz234567", VDT_SLUG_SIZE, slug, error);
}
