/* The STAC API (1.0.0, with documents of STAC 1.1.0): an entry is a Collection, a release is one of
 * its versions (id@vN), a sample is an Item. Private to stac/. */
#ifndef SERVER_STAC_STAC_H
#define SERVER_STAC_STAC_H

#include "base/json.h"
#include "server/meta/access.h"
#include "server/net/reply.h"
#include "server/query/search.h"

#define VDT_STAC_JSON "application/json"
#define VDT_STAC_GEOJSON "application/geo+json"
#define VDT_STAC_SCHEMA "application/schema+json"
#define VDT_STAC_QUERYABLES "http://www.opengis.net/def/rel/ogc/1.0/queryables"
#define VDT_STAC_EXTENSION(name) "https://stac-extensions.github.io/" name "/schema.json"

/* What a handler needs all the time. */
struct vdt_stac {
    struct vdt_request *request;
    struct vdt_session *session;
    const struct vdt_caller *caller;
    const char *base; /* of links */
    const unsigned char *secret;
    struct vdt_error *error;
};

enum { VDT_STAC_ID_ROOM = VDT_SLUG_SIZE + 24 };

/* A version of an entry as a Collection; {0} before, vdt_stac_collection_clear after. */
struct vdt_stac_collection {
    char id[VDT_STAC_ID_ROOM];
    struct vdt_entry_row row;
    int64_t version;
    int64_t release; /* 0: the head */
    json_t *info;    /* of the version; may be NULL */
    char *digest;
    int64_t size, created;
    size_t blocks_size;
    char blocks_digest[65]; /* SHA-256 of the block list, hex */
};

void vdt_stac_collection_clear(struct vdt_stac_collection *collection);

/* Finds "<slug>" (the head) or "<slug>@vN". NOT_FOUND for what the caller may not see, too. */
vdt_status vdt_stac_find(const struct vdt_stac *stac, const char *id,
                         struct vdt_stac_collection *collection);

/* The document; new reference. */
vdt_status vdt_stac_collection_json(const struct vdt_stac *stac,
                                    const struct vdt_stac_collection *collection,
                                    json_t **document);

/* The Item of a sample's row; new reference. `collection` is that of the Item. */
vdt_status vdt_stac_item_json(const struct vdt_stac *stac,
                              const struct vdt_stac_collection *collection, int64_t sample,
                              json_t **document);

/* Appends a link; `type` may be NULL. False: memory is out. */
bool vdt_stac_link(json_t *links, const char *rel, const char *type, const char *format, ...)
    VDT_PRINTF(4, 5);

/* --- fields -------------------------------------------------------------------------------------
 */

/* Names of members to have and to leave out, of the Fields extension; {0}: all. */
struct vdt_stac_fields {
    bool given;                /* without any name: a few members */
    json_t *include, *exclude; /* arrays of texts "properties.datetime", or NULL */
};

void vdt_stac_fields_clear(struct vdt_stac_fields *fields);
vdt_status vdt_stac_fields_parameter(struct vdt_stac_fields *fields, const char *value,
                                     struct vdt_error *error);
vdt_status vdt_stac_fields_member(struct vdt_stac_fields *fields, const json_t *value,
                                  struct vdt_error *error);

/* Gives the document with the members that are wanted; takes it. NULL: memory is out. */
json_t *vdt_stac_fields_apply(const struct vdt_stac_fields *fields, json_t *taken);

/* --- pages --------------------------------------------------------------------------------------
 */

/* The landing page; new reference, NULL: memory is out. */
json_t *vdt_stac_landing(const char *base);

void vdt_stac_get_conformance(struct vdt_request *request);
void vdt_stac_get_queryables(struct vdt_request *request);
void vdt_stac_get_collection_queryables(struct vdt_request *request);

/* Begins a session for a handler; what fails is replied, and then it is false. */
bool vdt_stac_begin(struct vdt_request *request, struct vdt_stac *stac, struct vdt_error *error);

#endif
