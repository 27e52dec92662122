/* Checksums and digests. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32C (Castagnoli, RFC 3720). Start with 0 and pass the result back in to go on. */
uint32_t vdt_crc32c(uint32_t crc, const void *data, size_t size);

struct vdt_sha256; /* one running SHA-256 */
struct vdt_sha256 *vdt_sha256_new(void);
void vdt_sha256_add(struct vdt_sha256 *sha, const void *data, size_t size);
/* Writes the digest and frees `sha`. */
void vdt_sha256_finish(struct vdt_sha256 *sha, unsigned char digest[32]);
void vdt_sha256_free(struct vdt_sha256 *sha);
/* Of one run of bytes; zeros when memory is out, which is the digest of nothing known. */
void vdt_sha256(const void *data, size_t size, unsigned char digest[32]);

/* Lower-case hex of `size` bytes and a NUL: text has room for 2 * size + 1. */
void vdt_hex(const unsigned char *data, size_t size, char *text);

#endif
