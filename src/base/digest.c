/* CRC-32C by ISA-L, SHA-256 by OpenSSL. */
#include "base/digest.h"

#include <isa-l/crc.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

struct vdt_sha256 {
    EVP_MD_CTX *context;
};

uint32_t vdt_crc32c(uint32_t crc, const void *data, size_t size)
{
    /* ISA-L takes an int and leaves the inversion at both ends to its caller. */
    const unsigned char *bytes = data;
    crc = ~crc;
    while (size > 0) {
        int step = size > INT_MAX ? INT_MAX : (int)size;
        crc = crc32_iscsi((unsigned char *)bytes, step, crc);
        bytes += step;
        size -= (size_t)step;
    }
    return ~crc;
}

struct vdt_sha256 *vdt_sha256_new(void)
{
    struct vdt_sha256 *sha = malloc(sizeof *sha);
    if (sha == NULL)
        return NULL;
    sha->context = EVP_MD_CTX_new();
    if (sha->context == NULL || EVP_DigestInit_ex(sha->context, EVP_sha256(), NULL) != 1) {
        vdt_sha256_free(sha);
        return NULL;
    }
    return sha;
}

void vdt_sha256_add(struct vdt_sha256 *sha, const void *data, size_t size)
{
    EVP_DigestUpdate(sha->context, data, size);
}

void vdt_sha256_finish(struct vdt_sha256 *sha, unsigned char digest[32])
{
    EVP_DigestFinal_ex(sha->context, digest, NULL);
    vdt_sha256_free(sha);
}

void vdt_sha256_free(struct vdt_sha256 *sha)
{
    if (sha == NULL)
        return;
    EVP_MD_CTX_free(sha->context);
    free(sha);
}

void vdt_sha256(const void *data, size_t size, unsigned char digest[32])
{
    if (SHA256(data, size, digest) == NULL)
        memset(digest, 0, 32);
}

void vdt_hex(const unsigned char *data, size_t size, char *text)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * size] = '\0';
}
