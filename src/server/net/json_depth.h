/* How deep JSON nests, before a recursive parser sees it. */
#ifndef SERVER_NET_JSON_DEPTH_H
#define SERVER_NET_JSON_DEPTH_H

#include <stdbool.h>
#include <stddef.h>

enum { VDT_JSON_DEPTH_MOST = 32 };

/* Whether no place of the text is inside more than `most` arrays and objects. The text may be
 * anything; whether it is JSON is for the parser to say. */
bool vdt_json_depth_fits(const char *text, size_t size, size_t most);

#endif
