/* The login file: a list of servers, the newest first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <vedatile/catalog.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/json.h"
#include "base/path.h"
#include "catalog/http.h"
#include "catalog/sidecar.h"

enum { LOGIN_MOST = 1 << 20 };

void vdt_login_clear(struct vdt_login *login)
{
    free(login->url);
    if (login->token != NULL)
        memset(login->token, 0, strlen(login->token));
    free(login->token);
    free(login->user);
    *login = (struct vdt_login){0};
}

/* The list, empty where there is no file. */
static vdt_status load(const char *path, json_t **out, struct vdt_error *error)
{
    struct stat info;
    vdt_cleanup(vdt_json_release) json_t *json = NULL;
    vdt_cleanup(vdt_free_pointer) char *text = NULL;
    if (stat(path, &info) != 0 && errno == ENOENT) {
        *out = json_array();
        return *out == NULL ? vdt_fail_memory(error, path) : VDT_OK;
    }
    if (stat(path, &info) == 0 && (info.st_mode & 077) != 0)
        return vdt_fail(error, VDT_ERR_DENIED,
                        "%s: others may read it, and it holds tokens: 'chmod 600' it", path);
    vdt_status status = vdt_read_whole(path, LOGIN_MOST, &text, error);
    if (status == VDT_OK)
        status = vdt_json_parse(text, path, &json, error);
    if (text != NULL)
        memset(text, 0, strlen(text));
    if (status != VDT_OK)
        return status;
    json_t *list = json_object_get(json, "servers");
    if (!json_is_array(list))
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: not a list of logins: remove it and log in",
                        path);
    *out = json_incref(list);
    return VDT_OK;
}

static vdt_status store(const char *path, json_t *list, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *json = json_pack("{s:O}", "servers", list);
    char *text = json == NULL ? NULL : vdt_json_text(json);
    if (text == NULL)
        return vdt_fail_memory(error, path);
    vdt_status status = vdt_write_whole(path, text, 0600, error);
    memset(text, 0, strlen(text));
    free(text);
    return status;
}

static size_t length_of(const char *url)
{
    size_t length = strlen(url);
    while (length > 0 && url[length - 1] == '/')
        length--;
    return length;
}

static bool is_of(const json_t *server, const char *url)
{
    const char *own = json_string_value(json_object_get(server, "url"));
    size_t length = length_of(url);
    return own != NULL && length_of(own) == length && memcmp(own, url, length) == 0;
}

static bool copy(const json_t *server, const char *name, char **to)
{
    const char *text = json_string_value(json_object_get(server, name));
    *to = vdt_copy_string(text == NULL ? "" : text);
    return *to != NULL;
}

vdt_status vdt_login_read(const char *path, const char *url, struct vdt_login *login,
                          struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = NULL;
    struct vdt_login found = {0};
    vdt_status status = load(path, &list, error);
    if (status != VDT_OK)
        return status;
    size_t i;
    const json_t *server;
    json_array_foreach(list, i, server) if (url == NULL || is_of(server, url))
    {
        found.insecure = json_is_true(json_object_get(server, "insecure"));
        bool copied = copy(server, "url", &found.url) && copy(server, "token", &found.token) &&
                      copy(server, "user", &found.user);
        if (copied)
            *login = found;
        else
            vdt_login_clear(&found);
        return copied ? VDT_OK : vdt_fail_memory(error, path);
    }
    return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no login%s%s: 'vedatile login URL'", path,
                    url == NULL ? "" : " for ", url == NULL ? "" : url);
}

static void take_out(json_t *list, const char *url)
{
    for (size_t i = json_array_size(list); i-- > 0;)
        if (is_of(json_array_get(list, i), url))
            json_array_remove(list, i);
}

/* The folders of a file, for its owner alone. */
static void make_folders(const char *path)
{
    vdt_cleanup(vdt_free_pointer) char *folder = vdt_copy_string(path);
    for (char *at = folder; at != NULL && (at = strchr(at + 1, '/')) != NULL;) {
        *at = '\0';
        mkdir(folder, 0700);
        *at = '/';
    }
}

vdt_status vdt_login_write(const char *path, const struct vdt_login *login, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = NULL;
    vdt_status status = load(path, &list, error);
    if (status != VDT_OK)
        return status;
    json_t *server = json_pack("{s:s%, s:s, s:s, s:b}", "url", login->url, length_of(login->url),
                               "token", login->token, "user",
                               login->user == NULL ? "" : login->user, "insecure", login->insecure);
    if (server == NULL)
        return vdt_fail_memory(error, path);
    take_out(list, login->url);
    json_array_insert_new(list, 0, server);
    make_folders(path);
    return store(path, list, error);
}

vdt_status vdt_login_remove(const char *path, const char *url, struct vdt_error *error)
{
    vdt_cleanup(vdt_json_release) json_t *list = NULL;
    vdt_status status = load(path, &list, error);
    if (status != VDT_OK)
        return status;
    size_t before = json_array_size(list);
    take_out(list, url);
    if (json_array_size(list) == before)
        return vdt_fail(error, VDT_ERR_NOT_FOUND, "%s: no login for %s", path, url);
    return store(path, list, error);
}
