#include "server/net/authorize.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/meta/users.h"
#include "server/net/guard.h"
#include "server/net/reply.h"

static bool refuse(struct vdt_request *request, const char *challenge, const char *text)
{
    vdt_reply_header(request, "WWW-Authenticate", challenge);
    vdt_reply_error(request, MHD_HTTP_UNAUTHORIZED, "Unauthorized", "%s", text);
    return false;
}

static const char *scope_name(unsigned scopes)
{
    static const struct {
        enum vdt_scope scope;
        const char *name;
    } names[] = {{VDT_SCOPE_ADMIN, "admin"},
                 {VDT_SCOPE_PUBLISH, "publish"},
                 {VDT_SCOPE_WRITE, "write"},
                 {VDT_SCOPE_READ, "read"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (scopes & names[i].scope)
            return names[i].name;
    return "none";
}

bool vdt_request_authorize(struct vdt_request *request)
{
    const struct vdt_route *route = request->match.route;
    const char *header = vdt_request_header(request, "Authorization");
    struct vdt_error error = {.status = VDT_OK};
    if (route->flags & VDT_ROUTE_OPEN)
        return true;
    if (!header)
        return (route->flags & VDT_ROUTE_ANYONE) ||
               refuse(request, "Bearer realm=\"vedatile\"",
                      "a token is wanted: Authorization: Bearer TOKEN");
    if (strncasecmp(header, "Bearer ", 7) != 0)
        return refuse(request, "Bearer realm=\"vedatile\"", "only Bearer tokens are known here");
    const char *token = header + 7 + strspn(header + 7, " ");
    vdt_status status =
        vdt_caller_of_token(request->net->server->db, token, &request->caller, &error);
    if (status == VDT_ERR_NOT_FOUND)
        return refuse(request, "Bearer realm=\"vedatile\", error=\"invalid_token\"",
                      "the token is not known, expired or revoked");
    if (status) {
        vdt_reply_failure(request, &error);
        return false;
    }
    char number[24];
    snprintf(number, sizeof number, "%lld", (long long)request->caller.token);
    if (!vdt_request_is_in_rate(request, vdt_rates_key("token", number)))
        return false;
    if (!vdt_caller_may(&request->caller, route->scopes)) {
        vdt_reply_error(request, MHD_HTTP_FORBIDDEN, "Forbidden", "the token lacks the scope '%s'",
                        scope_name(route->scopes & ~request->caller.scopes));
        return false;
    }
    return true;
}
