/* Signed tokens of paging: base64url of a MAC and canonical JSON. */
#include "server/query/token.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/digest.h"
#include "base/error.h"

enum { SECRET_SIZE = 32, MAC_SIZE = 16, BLOCK_SIZE = 64, TOKEN_MOST = 8192 };

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* HMAC-SHA-256 (RFC 2104) over the list's name, a NUL and the text. */
static void sign(const unsigned char *secret, const char *list, const void *text, size_t size,
                 unsigned char mac[32])
{
    unsigned char inner[BLOCK_SIZE], outer[BLOCK_SIZE];
    memset(inner, 0x36, sizeof inner);
    memset(outer, 0x5c, sizeof outer);
    for (int i = 0; i < SECRET_SIZE; i++) {
        inner[i] ^= secret[i];
        outer[i] ^= secret[i];
    }
    struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_sha256_add(sha, inner, sizeof inner);
    vdt_sha256_add(sha, list, strlen(list) + 1);
    vdt_sha256_add(sha, text, size);
    vdt_sha256_finish(sha, mac);
    sha = vdt_sha256_new();
    vdt_sha256_add(sha, outer, sizeof outer);
    vdt_sha256_add(sha, mac, 32);
    vdt_sha256_finish(sha, mac);
}

/* Owned; NULL: memory is out. */
static char *encode(const unsigned char *data, size_t size)
{
    char *text = vdt_allocate(size / 3 * 4 + 5, 1);
    if (text == NULL)
        return NULL;
    char *end = text;
    for (size_t i = 0; i < size; i += 3) {
        size_t left = size - i;
        uint32_t bits = (uint32_t)data[i] << 16 | (left > 1 ? (uint32_t)data[i + 1] << 8 : 0) |
                        (left > 2 ? data[i + 2] : 0);
        *end++ = letters[bits >> 18];
        *end++ = letters[bits >> 12 & 63];
        if (left > 1)
            *end++ = letters[bits >> 6 & 63];
        if (left > 2)
            *end++ = letters[bits & 63];
    }
    *end = '\0';
    return text;
}

/* False: not base64url. `data` has room for the text's size. */
static bool decode(const char *text, unsigned char *data, size_t *size)
{
    uint32_t bits = 0;
    int count = 0;
    *size = 0;
    for (; *text != '\0'; text++) {
        const char *letter = strchr(letters, *text);
        if (letter == NULL)
            return false;
        bits = bits << 6 | (uint32_t)(letter - letters);
        count += 6;
        if (count >= 8) {
            count -= 8;
            data[(*size)++] = (unsigned char)(bits >> count);
        }
    }
    /* No two texts mean the same. */
    return count < 6 && (bits & ((1u << count) - 1)) == 0;
}

char *vdt_page_token(const unsigned char *secret, const char *list, const json_t *after)
{
    vdt_cleanup(vdt_free_pointer) char *text = vdt_json_text(after);
    vdt_cleanup(vdt_buffer_clear) struct vdt_buffer bytes = {0};
    unsigned char mac[32];
    if (text == NULL)
        return NULL;
    sign(secret, list, text, strlen(text), mac);
    if (!vdt_buffer_append(&bytes, mac, MAC_SIZE) || !vdt_buffer_append(&bytes, text, strlen(text)))
        return NULL;
    return encode(bytes.data, bytes.size);
}

static vdt_status refuse(struct vdt_error *error)
{
    return vdt_fail(error, VDT_ERR_ARGUMENT,
                    "token: is not one of this list; begin again without it");
}

vdt_status vdt_page_token_read(const unsigned char *secret, const char *list, const char *token,
                               json_t **after, struct vdt_error *error)
{
    size_t size = strlen(token);
    unsigned char mac[32];
    if (size > TOKEN_MOST)
        return refuse(error);
    vdt_cleanup(vdt_free_pointer) unsigned char *bytes = vdt_allocate(size + 1, 1);
    if (bytes == NULL)
        return vdt_fail_memory(error, "token");
    if (!decode(token, bytes, &size) || size < MAC_SIZE)
        return refuse(error);
    sign(secret, list, bytes + MAC_SIZE, size - MAC_SIZE, mac);
    volatile unsigned char difference = 0; /* as long for any token */
    for (int i = 0; i < MAC_SIZE; i++)
        difference |= mac[i] ^ bytes[i];
    if (difference != 0)
        return refuse(error);
    bytes[size] = '\0';
    return vdt_json_parse((const char *)bytes + MAC_SIZE, "token", after, error);
}
