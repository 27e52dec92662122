/* Tokens of paging: where a list goes on, opaque and signed, so that only what the server gave
 * comes back, to the list it was given for. */
#ifndef SERVER_QUERY_TOKEN_H
#define SERVER_QUERY_TOKEN_H

#include "base/json.h"

/* `secret`: the server's, 32 bytes. `list` names the list and what it is a list of, so that a token
 * fits no other ("entries?q=roofs"). `after` is the last row's sort keys. Base64url, owned; NULL:
 * memory is out. */
char *vdt_page_token(const unsigned char *secret, const char *list, const json_t *after);

/* VDT_ERR_ARGUMENT: the token is not one of this list. *after is a new reference. */
vdt_status vdt_page_token_read(const unsigned char *secret, const char *list, const char *token,
                               json_t **after, struct vdt_error *error);

#endif
