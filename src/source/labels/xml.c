/* XML by GDAL's reader, which neither expands entities of a document nor fetches anything. */
#include "source/labels/xml.h"

#include <cpl_minixml.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "source/quiet.h"

enum { FILE_MOST = 16 << 20 };

vdt_status vdt_xml_load(const char *path, const char *name, struct vdt_xml **document,
                        const struct vdt_xml **root, struct vdt_error *error)
{
    struct stat info;
    if (stat(path, &info) != 0)
        return vdt_fail_errno(error, path);
    if (info.st_size > FILE_MOST)
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: too large for labels of one image", path);
    struct vdt_quiet quiet;
    vdt_quiet_begin(&quiet);
    CPLXMLNode *tree = CPLParseXMLFile(path);
    vdt_quiet_end(&quiet);
    CPLXMLNode *found = tree;
    while (found != NULL && (found->eType != CXT_Element || strcmp(found->pszValue, name) != 0))
        found = found->psNext;
    if (found == NULL) {
        CPLDestroyXMLNode(tree);
        return vdt_fail(error, VDT_ERR_FORMAT, "%s: no XML with <%s> at its top: %s", path, name,
                        vdt_quiet_text(&quiet, "another element is there"));
    }
    *document = (struct vdt_xml *)tree;
    *root = (const struct vdt_xml *)found;
    return VDT_OK;
}

void vdt_xml_free(struct vdt_xml *document)
{
    CPLDestroyXMLNode((CPLXMLNode *)document);
}

const struct vdt_xml *vdt_xml_child(const struct vdt_xml *element, const char *name,
                                    const struct vdt_xml *after)
{
    const CPLXMLNode *node = after == NULL ? ((const CPLXMLNode *)element)->psChild
                                           : ((const CPLXMLNode *)after)->psNext;
    while (node != NULL &&
           (node->eType != CXT_Element || (name != NULL && strcmp(node->pszValue, name) != 0)))
        node = node->psNext;
    return (const struct vdt_xml *)node;
}

const char *vdt_xml_name(const struct vdt_xml *element)
{
    return ((const CPLXMLNode *)element)->pszValue;
}

const char *vdt_xml_text(const struct vdt_xml *element, const char *path)
{
    return CPLGetXMLValue((const CPLXMLNode *)element, path, NULL);
}
