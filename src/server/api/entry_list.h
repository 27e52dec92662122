/* GET /v1/entries. */
#ifndef SERVER_API_ENTRY_LIST_H
#define SERVER_API_ENTRY_LIST_H

#include "server/api/answer.h"

/* The entries that the caller may see, the newest first; with deleted=1 what is in the caller's
 * bin. */
vdt_api_work vdt_api_list_entries;

#endif
