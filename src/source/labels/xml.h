/* Small XML files, by GDAL's own reader. Any thread. */
#ifndef SOURCE_XML_H
#define SOURCE_XML_H

#include <vedatile/error.h>

struct vdt_xml; /* an element; borrowed from its document */

/* Reads a file; *root is the element `name` at its top. Release with vdt_xml_free(*document). */
vdt_status vdt_xml_load(const char *path, const char *name, struct vdt_xml **document,
                        const struct vdt_xml **root, struct vdt_error *error);
void vdt_xml_free(struct vdt_xml *document); /* accepts NULL */

/* The first child element of that name (NULL: of any), or the next one after `after`; NULL: none.
 */
const struct vdt_xml *vdt_xml_child(const struct vdt_xml *element, const char *name,
                                    const struct vdt_xml *after);
/* Borrowed. */
const char *vdt_xml_name(const struct vdt_xml *element);
/* Text of a descendant such as "bndbox.xmin", of "" the element's own; NULL: there is none.
 * Borrowed. */
const char *vdt_xml_text(const struct vdt_xml *element, const char *path);

#endif
