/* Links to next pages. */
#include "server/query/next.h"

#include <string.h>

#include "base/cleanup.h"
#include "catalog/http.h"

struct target {
    struct vdt_buffer text;
    bool asked; /* the ? is there */
    bool failed;
};

static void add(struct target *target, const char *text)
{
    target->failed |= text == NULL || !vdt_buffer_append(&target->text, text, strlen(text));
}

static bool add_pair(void *payload, const char *name, const char *value)
{
    struct target *target = payload;
    vdt_cleanup(vdt_free_pointer) char *n = vdt_url_escape(name);
    vdt_cleanup(vdt_free_pointer) char *v = vdt_url_escape(value);
    add(target, target->asked ? "&" : "?");
    add(target, n);
    add(target, "=");
    add(target, v);
    target->asked = true;
    return !target->failed;
}

static bool copy_pair(void *payload, const char *name, const char *value)
{
    return strcmp(name, "token") == 0 || add_pair(payload, name, value);
}

char *vdt_next_href(const struct vdt_request *request, const char *path, const char *token)
{
    struct target target = {0};
    add(&target, vdt_request_base(request));
    add(&target, path);
    vdt_request_each_query(request, copy_pair, &target);
    add_pair(&target, "token", token);
    target.failed |= !vdt_buffer_append(&target.text, "", 1);
    if (!target.failed)
        return (char *)target.text.data;
    vdt_buffer_clear(&target.text);
    return NULL;
}
