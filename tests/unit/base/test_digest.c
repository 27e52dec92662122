/* CRC-32C against RFC 3720 B.4, SHA-256 against FIPS 180-4's published examples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/digest.h"

static void crc_of_rfc_3720(void **state)
{
    (void)state;
    static const unsigned char read_command[48] = {
        0x01, 0xc0, 0, 0,    0, 0, 0, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0x14, 0, 0, 0, 0, 0, 4, 0,
        0,    0,    0, 0x14, 0, 0, 0, 0x18, 0x28, 0, 0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0, 0, 0, 0, 0,
    };
    unsigned char data[32];
    memset(data, 0, sizeof data);
    assert_int_equal(vdt_crc32c(0, data, sizeof data), 0x8a9136aa);
    memset(data, 0xff, sizeof data);
    assert_int_equal(vdt_crc32c(0, data, sizeof data), 0x62a8ab43);
    for (int i = 0; i < 32; i++)
        data[i] = (unsigned char)i;
    assert_int_equal(vdt_crc32c(0, data, sizeof data), 0x46dd794e);
    for (int i = 0; i < 32; i++)
        data[i] = (unsigned char)(31 - i);
    assert_int_equal(vdt_crc32c(0, data, sizeof data), 0x113fdb5c);
    assert_int_equal(vdt_crc32c(0, read_command, sizeof read_command), 0xd9963a56);
    assert_int_equal(vdt_crc32c(0, "123456789", 9), 0xe3069283);
}

static void crc_of_nothing_is_zero(void **state)
{
    (void)state;
    assert_int_equal(vdt_crc32c(0, "", 0), 0);
    assert_int_equal(vdt_crc32c(0x12345678, "", 0), 0x12345678);
}

static void crc_goes_on_from_any_cut(void **state)
{
    (void)state;
    unsigned char data[257];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 31);
    uint32_t whole = vdt_crc32c(0, data, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut++) {
        uint32_t crc = vdt_crc32c(0, data, cut);
        assert_int_equal(vdt_crc32c(crc, data + cut, sizeof data - cut), whole);
    }
}

static void check_sha(const void *data, size_t size, size_t step, const char *expected)
{
    struct vdt_sha256 *sha = vdt_sha256_new();
    assert_non_null(sha);
    for (size_t at = 0; at < size; at += step)
        vdt_sha256_add(sha, (const char *)data + at, size - at < step ? size - at : step);
    unsigned char digest[32];
    char text[65];
    vdt_sha256_finish(sha, digest);
    vdt_hex(digest, sizeof digest, text);
    assert_string_equal(text, expected);
}

static void sha_of_fips_180(void **state)
{
    (void)state;
    static const char two_blocks[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    check_sha("", 0, 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    check_sha("abc", 3, 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    check_sha(two_blocks, sizeof two_blocks - 1, 56,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    check_sha(two_blocks, sizeof two_blocks - 1, 5,
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void sha_of_a_million(void **state)
{
    (void)state;
    char *data = malloc(1000000);
    assert_non_null(data);
    memset(data, 'a', 1000000);
    check_sha(data, 1000000, 4099,
              "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(data);
}

static void sha_may_be_dropped(void **state)
{
    (void)state;
    struct vdt_sha256 *sha = vdt_sha256_new();
    vdt_sha256_add(sha, "abc", 3);
    vdt_sha256_free(sha);
    vdt_sha256_free(NULL);
}

static void hex_is_lower_case(void **state)
{
    (void)state;
    static const unsigned char data[] = {0x00, 0x0f, 0xa5, 0xff};
    char text[9] = "????????";
    vdt_hex(data, 0, text);
    assert_string_equal(text, "");
    vdt_hex(data, sizeof data, text);
    assert_string_equal(text, "000fa5ff");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_of_rfc_3720),          cmocka_unit_test(crc_of_nothing_is_zero),
        cmocka_unit_test(crc_goes_on_from_any_cut), cmocka_unit_test(sha_of_fips_180),
        cmocka_unit_test(sha_of_a_million),         cmocka_unit_test(sha_may_be_dropped),
        cmocka_unit_test(hex_is_lower_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
