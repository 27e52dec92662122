/* Object headers of version 2: "OHDR", version, flags, times and limits where flags say so, the
 * size of the messages, the messages, the checksum. Version 1 has no checksum. */
#include "store/object_header.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"

enum { SIGNATURE = 4, FIXED = 6, TIMES = 16, LIMITS = 4, CHECKSUM = 4, LARGEST_PREFIX = 34 };
enum { SIZE_WIDTH = 0x03, HAS_ORDER = 0x04, HAS_LIMITS = 0x10, HAS_TIMES = 0x20 };
enum { CONTINUATION = 0x10, CONTINUATION_SIZE = 16 };
enum { MOST_CONTINUATIONS = 256, LARGEST_CONTINUATION = 1 << 20 };

/* --- lookup3 --------------------------------------------------------------------------------- */

static uint32_t turn(uint32_t x, unsigned bits)
{
    return x << bits | x >> (32 - bits);
}

static uint32_t little(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
           (uint32_t)bytes[3] << 24;
}

static void add(uint32_t s[3], const unsigned char bytes[12])
{
    for (int i = 0; i < 3; i++)
        s[i] += little(bytes + 4 * i);
}

/* Each step takes the state one further around. */
static void mix(uint32_t s[3])
{
    static const unsigned turns[] = {4, 6, 8, 16, 19, 4};
    for (int i = 0; i < 6; i++) {
        uint32_t *a = &s[i % 3], *b = &s[(i + 1) % 3], *c = &s[(i + 2) % 3];
        *a -= *c;
        *a ^= turn(*c, turns[i]);
        *c += *b;
    }
}

static uint32_t finish(uint32_t s[3])
{
    static const unsigned turns[] = {14, 11, 25, 16, 4, 14, 24};
    for (int i = 0; i < 7; i++) {
        uint32_t *x = &s[(i + 2) % 3], *y = &s[(i + 1) % 3];
        *x ^= *y;
        *x -= turn(*y, turns[i]);
    }
    return s[2];
}

uint32_t vdt_lookup3(const void *data, size_t size)
{
    const unsigned char *bytes = data;
    unsigned char last[12] = {0};
    uint32_t start = 0xdeadbeef + (uint32_t)size;
    uint32_t state[3] = {start, start, start};
    for (; size > sizeof last; size -= sizeof last, bytes += sizeof last) {
        add(state, bytes);
        mix(state);
    }
    if (size == 0)
        return state[2];
    memcpy(last, bytes, size);
    add(state, last);
    return finish(state);
}

/* --- headers --------------------------------------------------------------------------------- */

/* What is being checked. */
struct header {
    const struct vdt_file *file;
    uint64_t address;
    unsigned flags;
    unsigned left; /* continuations that are followed */
};

static vdt_status damaged(const struct header *header, struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_FORMAT,
                    "%s: damaged: the object header at byte %llu does not match its checksum: take "
                    "another copy of the file",
                    header->file->path, (unsigned long long)header->address);
}

static uint64_t number(const unsigned char *bytes, unsigned width)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < width; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

static bool matches(const unsigned char *bytes, size_t length)
{
    return vdt_lookup3(bytes, length - CHECKSUM) == little(bytes + length - CHECKSUM);
}

/* Addresses in the file count from its end. */
static bool has_user_block(const struct vdt_file *file)
{
    char bytes[8];
    struct vdt_error ignored;
    return vdt_file_read(file, bytes, sizeof bytes, 0, &ignored) != VDT_OK ||
           memcmp(bytes, "\211HDF\r\n\032\n", sizeof bytes) != 0;
}

static vdt_status check_messages(struct header *header, const unsigned char *at,
                                 const unsigned char *end, struct vdt_error *error);

static vdt_status check_continuation(struct header *header, uint64_t address, uint64_t length,
                                     struct vdt_error *error)
{
    uint64_t end = header->file->size;
    if (header->left == 0 || length < SIGNATURE + CHECKSUM || length > LARGEST_CONTINUATION ||
        address > end || length > end - address)
        return VDT_OK; /* HDF5 says what it thinks of it */
    header->left--;
    vdt_cleanup(vdt_free_pointer) unsigned char *bytes = vdt_allocate(1, (size_t)length);
    if (bytes == NULL)
        return vdt_fail_memory(error, header->file->path);
    vdt_status status = vdt_file_read(header->file, bytes, (size_t)length, address, error);
    if (status != VDT_OK)
        return status;
    bool begins = memcmp(bytes, "OCHK", SIGNATURE) == 0;
    if (!begins && has_user_block(header->file))
        return VDT_OK;
    if (!begins || !matches(bytes, (size_t)length))
        return damaged(header, error);
    return check_messages(header, bytes + SIGNATURE, bytes + length - CHECKSUM, error);
}

static vdt_status check_messages(struct header *header, const unsigned char *at,
                                 const unsigned char *end, struct vdt_error *error)
{
    size_t head = (header->flags & HAS_ORDER) != 0 ? 6 : 4;
    vdt_status status = VDT_OK;
    while (status == VDT_OK && (size_t)(end - at) >= head) {
        size_t size = (size_t)number(at + 1, 2);
        const unsigned char *body = at + head;
        if (size > (size_t)(end - body))
            return VDT_OK;
        if (at[0] == CONTINUATION && size == CONTINUATION_SIZE)
            status = check_continuation(header, number(body, 8), number(body + 8, 8), error);
        at = body + size;
    }
    return status;
}

/* Where the messages begin and how long the header is; 0: there is none of version 2. */
static size_t measure(const unsigned char *bytes, size_t size, uint64_t *length)
{
    if (size < LARGEST_PREFIX || memcmp(bytes, "OHDR", SIGNATURE) != 0 || bytes[4] != 2)
        return 0;
    unsigned flags = bytes[5], width = 1U << (flags & SIZE_WIDTH);
    size_t at = FIXED;
    at += (flags & HAS_TIMES) != 0 ? TIMES : 0;
    at += (flags & HAS_LIMITS) != 0 ? LIMITS : 0;
    uint64_t messages = number(bytes + at, width);
    at += width;
    *length = messages > INT64_MAX ? INT64_MAX : messages + at + CHECKSUM;
    return at;
}

vdt_status vdt_object_header_check(const struct vdt_file *file, const void *data, size_t size,
                                   uint64_t address, struct vdt_error *error)
{
    vdt_cleanup(vdt_free_pointer) unsigned char *whole = NULL;
    const unsigned char *bytes = data;
    uint64_t length = 0;
    size_t first = measure(bytes, size, &length);
    if (first == 0)
        return VDT_OK;
    struct header header = {file, address, bytes[5], MOST_CONTINUATIONS};
    if (address > file->size || length > file->size - address)
        return damaged(&header, error);
    if (length > size) {
        whole = vdt_allocate(1, (size_t)length);
        if (whole == NULL)
            return vdt_fail_memory(error, file->path);
        vdt_status status = vdt_file_read(file, whole, (size_t)length, address, error);
        if (status != VDT_OK)
            return status;
        bytes = whole;
    }
    if (!matches(bytes, (size_t)length))
        return damaged(&header, error);
    return check_messages(&header, bytes + first, bytes + length - CHECKSUM, error);
}
