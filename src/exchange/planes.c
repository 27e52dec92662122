/* Labels of the tile's shape, as exports name them. */
#include "exchange/planes.h"

const struct vdt_plane vdt_planes[VDT_TILE_ARRAYS] = {
    [VDT_MASK] = {"mask", "masks", VDT_SEGMENTATION},
    [VDT_INSTANCES] = {"instances", "instances", VDT_INSTANCE},
    [VDT_BOUNDARIES] = {"boundary", "boundaries", VDT_BOUNDARY},
    [VDT_CONTACTS] = {"contact", "contacts", VDT_CONTACT},
    [VDT_DISTANCES] = {"distance", "distances", VDT_DISTANCE},
    [VDT_TARGETS] = {"target", "targets", VDT_REGRESSION},
};

enum vdt_dtype vdt_plane_dtype(enum vdt_array plane, const struct vdt_store_spec *spec)
{
    switch (plane) {
    case VDT_MASK: return spec->class_count > 254 ? VDT_UINT16 : VDT_UINT8;
    case VDT_INSTANCES: return VDT_UINT16;
    case VDT_DISTANCES:
    case VDT_TARGETS: return VDT_FLOAT32;
    default: return VDT_UINT8;
    }
}
