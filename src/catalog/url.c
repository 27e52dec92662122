/* Addresses: what may be asked, and whom a token is for. */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <string.h>
#include <strings.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "catalog/http.h"

static void url_cleanup(CURLU **url)
{
    curl_url_cleanup(*url);
}

static void part_cleanup(char **part)
{
    curl_free(*part);
}

char *vdt_url_escape(const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    char *copy = escaped == NULL ? NULL : vdt_copy_string(escaped);
    curl_free(escaped);
    return copy;
}

static CURLU *parse(const char *text)
{
    CURLU *url = curl_url();
    if (url != NULL && curl_url_set(url, CURLUPART_URL, text, 0) != CURLUE_OK) {
        curl_url_cleanup(url);
        url = NULL;
    }
    return url;
}

bool vdt_url_is_http(const char *text)
{
    if (strncasecmp(text, "http://", 7) != 0 && strncasecmp(text, "https://", 8) != 0)
        return false;
    for (const char *c = text; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ' || *c == 0x7f)
            return false;
    vdt_cleanup(url_cleanup) CURLU *url = parse(text);
    vdt_cleanup(part_cleanup) char *user = NULL, *host = NULL;
    if (url == NULL || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK || *host == '\0')
        return false;
    return curl_url_get(url, CURLUPART_USER, &user, 0) != CURLUE_OK;
}

static bool same_part(CURLU *a, CURLU *b, CURLUPart which)
{
    vdt_cleanup(part_cleanup) char *left = NULL, *right = NULL;
    return curl_url_get(a, which, &left, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           curl_url_get(b, which, &right, CURLU_DEFAULT_PORT) == CURLUE_OK &&
           strcasecmp(left, right) == 0;
}

bool vdt_url_same_origin(const char *a, const char *b)
{
    vdt_cleanup(url_cleanup) CURLU *left = parse(a), *right = parse(b);
    return left != NULL && right != NULL && same_part(left, right, CURLUPART_SCHEME) &&
           same_part(left, right, CURLUPART_HOST) && same_part(left, right, CURLUPART_PORT);
}

bool vdt_url_is_this_machine(const char *text)
{
    vdt_cleanup(url_cleanup) CURLU *url = parse(text);
    vdt_cleanup(part_cleanup) char *host = NULL;
    unsigned char address[4];
    if (url == NULL || curl_url_get(url, CURLUPART_HOST, &host, 0) != CURLUE_OK)
        return false;
    return strcasecmp(host, "localhost") == 0 || strcmp(host, "[::1]") == 0 ||
           (inet_pton(AF_INET, host, address) == 1 && address[0] == 127);
}
