"""What the conformance suites compare vedatile with, and the label sets they do it on.

Pixels are rasterio's, label geometry is OGR's and PROJ's, masks are burnt by GDAL, boxes are cut by
Shapely: nothing here comes from vedatile, except `Store`, which only reads what h5py reads.
"""
import functools
import json
import math
import pathlib
import typing
import warnings

import h5py
import numpy as np
import rasterio
import rasterio.errors
import rasterio.windows
import shapely.affinity
import shapely.geometry
import shapely.ops
import shapely.validation
import shapely.wkb
from conftest import SHARED, run_vedatile
from osgeo import gdal, ogr, osr

gdal.UseExceptions()
ogr.UseExceptions()
osr.UseExceptions()

ALL_TASKS = "classification,detection,segmentation,instance"
IGNORE = 255


# --- the store as plain HDF5 ------------------------------------------------------------------

class Store:
    """The arrays of one group, read when they are first asked for."""

    def __init__(self, path, group="train"):
        self.path = path
        self.group = group

    @functools.lru_cache(maxsize=None)
    def array(self, name):
        with h5py.File(self.path, "r") as file:
            return file[f"{self.group}/{name}"][()]

    @functools.lru_cache(maxsize=None)
    def table(self, name):
        with h5py.File(self.path, "r") as file:
            return file[name][()]

    @property
    def classes(self):
        with h5py.File(self.path, "r") as file:
            return [name.decode() for name in file.attrs["classes"]]

    images = property(lambda self: self.array("images"))
    masks = property(lambda self: self.array("labels/mask"))
    instances = property(lambda self: self.array("labels/instances"))
    onehot = property(lambda self: self.array("labels/onehot"))
    samples = property(lambda self: self.array("samples"))

    @property
    def windows(self):
        """(col, row, cols, rows) of each sample."""
        return [tuple(int(v) for v in window) for window in self.samples["window"]]

    def __len__(self):
        return len(self.samples)

    def boxes(self, i):
        """(box, class, feature, visible share) of each box of a sample."""
        first, end = (int(v) for v in self.array("labels/box_offsets")[i:i + 2])
        columns = [self.array(f"labels/{name}")[first:end]
                   for name in ("boxes", "box_class", "box_feature", "box_visible")]
        return list(zip(columns[0].tolist(), *(column.tolist() for column in columns[1:])))

    def at(self, col, row):
        """Index of the sample at a window's corner."""
        return next(i for i, w in enumerate(self.windows) if w[:2] == (col, row))


def feed(path, image, labels=(), *options, tasks=ALL_TASKS, codec="raw", match="all", **run):
    """Feeds a new store and opens it; `labels` and `image` are one path or several."""
    images = [image] if isinstance(image, (str, pathlib.Path)) else image
    labels = [labels] if isinstance(labels, (str, pathlib.Path)) else labels
    arguments = ["feed", path, "--image", *images, "--codec", codec]
    if labels:
        arguments += ["--labels", *labels, "--task", tasks, "--match", match]
    run_vedatile(*arguments, *options, **run)
    return Store(path)


# --- windows ----------------------------------------------------------------------------------

def positions(size, tile, stride, edge):
    """Where windows begin along one axis: the rule of --edge, said step by step."""
    found = []
    start = 0
    while True:
        inside = start + tile <= size
        if edge == "drop" and not inside:
            break
        if edge == "shift" and size < tile:
            break
        if start >= size:
            break
        begin = min(start, size - tile) if edge == "shift" else start
        if begin not in found:
            found.append(begin)
        if start + tile >= size:
            break  # the scene's end is reached
        start += stride
    return found


def grid(size, tile, stride, edge):
    """The windows of a scene of (cols, rows) pixels, row by row."""
    return [(col, row, *tile) for row in positions(size[1], tile[1], stride[1], edge)
            for col in positions(size[0], tile[0], stride[0], edge)]


# --- pixels -----------------------------------------------------------------------------------

def inside(source, window):
    """The part of a window that lies in the scene, and its place in the tile."""
    col, row, cols, rows = window
    part = rasterio.windows.Window(
        col, row, min(cols, source.width - col), min(rows, source.height - row))
    return part, (slice(0, part.height), slice(0, part.width))


def read_window(source, window, bands):
    """A window as rasterio reads it; outside of the scene nodata, else 0."""
    part, place = inside(source, window)
    tile = np.empty((len(bands), window[3], window[2]), source.dtypes[0])
    for i, band in enumerate(bands):
        nodata = source.nodatavals[band - 1]
        tile[i] = 0 if nodata is None else nodata
    tile[(slice(None), *place)] = source.read(bands, window=part)
    return tile


def opaque_bands(source):
    """Numbers of all bands but alpha."""
    return [number for number, kind in enumerate(source.colorinterp, 1)
            if kind != rasterio.enums.ColorInterp.alpha]


def crs_of(dataset):
    crs = dataset.GetSpatialRef() or dataset.GetGCPSpatialRef()
    if crs is not None:
        crs = crs.Clone()
        crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
    return crs


def lonlat_bounds(path, window, steps=64):
    """West, south, east, north of a window by PROJ; west > east across the antimeridian."""
    dataset = gdal.Open(str(path))
    crs = crs_of(dataset)
    wgs84 = osr.SpatialReference()
    wgs84.SetFromUserInput("OGC:CRS84")
    col, row, cols, rows = window
    along = np.linspace(0, 1, steps + 1)
    x = np.concatenate([along, along, 0 * along, 0 * along + 1]) * cols + col
    y = np.concatenate([0 * along, 0 * along + 1, along, along]) * rows + row
    if dataset.GetGCPCount() > 0:
        transformer = gdal.Transformer(dataset, None, ["METHOD=GCP_POLYNOMIAL"])
        points = transformer.TransformPoints(False, np.stack([x, y], 1).tolist())[0]
        ground = np.array(points)[:, :2]
    else:
        g = dataset.GetGeoTransform()
        ground = np.stack([g[0] + x * g[1] + y * g[2], g[3] + x * g[4] + y * g[5]], 1)
    points = np.array(osr.CoordinateTransformation(crs, wgs84).TransformPoints(ground))[:, :2]
    lon = points[:, 0]
    lon = lon[0] + (lon - lon[0] + 180) % 360 - 180  # a continuous outline
    wrap = [(value + 180) % 360 - 180 for value in (lon.min(), lon.max())]
    return [wrap[0], points[:, 1].min(), wrap[1], points[:, 1].max()]


# --- labels -----------------------------------------------------------------------------------

class Feature(typing.NamedTuple):
    id: int
    class_id: int
    ground: object  # OGR geometry in the scene's CRS
    pixels: object  # Shapely geometry in the scene's pixels


def polygons_of(shape):
    """The polygons in whatever a geometry is nested in."""
    if shape.geom_type == "Polygon":
        return [] if shape.is_empty else [shape]
    return [part for piece in getattr(shape, "geoms", ()) for part in polygons_of(piece)]


def valid_polygons(geometry):
    """An OGR geometry's polygons, each of them valid, as an OGR MultiPolygon."""
    collected = ogr.Geometry(ogr.wkbMultiPolygon)
    for polygon in polygons_of(shapely.wkb.loads(bytes(geometry.ExportToIsoWkb()))):
        if not polygon.is_valid:
            polygon = shapely.validation.make_valid(polygon)
        for part in polygons_of(polygon):
            collected.AddGeometry(ogr.CreateGeometryFromWkb(part.wkb))
    return collected


def to_pixels(dataset, geometry):
    """A geometry on the scene's ground, in its pixels."""
    shape = shapely.wkb.loads(bytes(geometry.ExportToIsoWkb()))
    if dataset.GetGCPCount() > 0:
        transformer = gdal.Transformer(dataset, None, ["METHOD=GCP_POLYNOMIAL"])
        return shapely.ops.transform(
            lambda x, y: transformer.TransformPoint(True, x, y)[1][:2], shape)
    g = gdal.InvGeoTransform(dataset.GetGeoTransform())
    return shapely.affinity.affine_transform(shape, [g[1], g[2], g[4], g[5], g[0], g[3]])


def class_name(value):
    """A class value as text; 255.0 is no other class than 255."""
    return None if value is None else str(value).removesuffix(".0")


class Labels:
    """The features of label files on a scene, in file order."""

    def __init__(self, image, paths, field=None, classes=None, unknown=None):
        self.dataset = gdal.Open(str(image))
        self.crs = crs_of(self.dataset)
        self.size = (self.dataset.RasterXSize, self.dataset.RasterYSize)
        paths = [paths] if isinstance(paths, (str, pathlib.Path)) else paths
        found = [row for path in paths for row in self.read(path, field)]
        self.classes = classes or sorted({value for _, value, _ in found})
        self.features = []
        for fid, value, ground in found:
            if value not in self.classes and unknown is None:
                continue
            class_id = self.classes.index(value if value in self.classes else unknown)
            self.features.append(Feature(fid, class_id, ground, to_pixels(self.dataset, ground)))
        self.bounds = np.array([feature.pixels.bounds for feature in self.features])

    def read(self, path, field):
        source = ogr.Open(str(path))
        for layer in source:
            change = None
            crs = layer.GetSpatialRef()
            if crs is not None and self.crs is not None:
                crs = crs.Clone()
                crs.SetAxisMappingStrategy(osr.OAMS_TRADITIONAL_GIS_ORDER)
                change = osr.CoordinateTransformation(crs, self.crs)
            for feature in layer:
                geometry = feature.GetGeometryRef()
                if geometry is None or geometry.IsEmpty():
                    continue
                value = "object" if field is None else feature.GetField(field)
                geometry = valid_polygons(geometry)
                if change is not None:
                    geometry.Transform(change)
                yield feature.GetFID(), class_name(value), geometry

    def order(self, rule="file"):
        """The features as --mask-order burns them."""
        if rule == "class":
            return sorted(self.features, key=lambda feature: feature.class_id)
        if rule == "area":
            return sorted(self.features, key=lambda feature: -feature.pixels.area)
        return self.features

    def burn(self, rule="file", values=None):
        """The whole scene's mask by GDAL: pixel centres, the last one burnt is on top."""
        return rasterize(without_pixels(self.dataset), self.crs, [
            (feature.ground, feature.class_id + 1 if values is None else values[feature.id])
            for feature in self.order(rule)])

    def boxes(self, window, match="all", min_visible=0.0):
        """What Shapely cuts out of a window's part of the scene: as Store.boxes gives it."""
        col, row, cols, rows = window
        cols, rows = min(cols, self.size[0] - col), min(rows, self.size[1] - row)  # no padding
        frame = shapely.geometry.box(col, row, col + cols, row + rows)
        near = ((self.bounds[:, 0] < col + cols) & (self.bounds[:, 2] > col) &
                (self.bounds[:, 1] < row + rows) & (self.bounds[:, 3] > row))
        found = []
        for i in np.flatnonzero(near):
            feature = self.features[i]
            parts = polygons_of(feature.pixels.intersection(frame))
            area = sum(part.area for part in parts)
            share = area / feature.pixels.area
            whole = frame.covers(shapely.geometry.box(*self.bounds[i]))
            if area == 0 or share < min_visible or (match == "inside" and not whole):
                continue
            x1, y1, x2, y2 = shapely.geometry.MultiPolygon(parts).bounds
            found.append(([x1 - col, y1 - row, x2 - col, y2 - row],
                          feature.class_id, feature.id, share))
        return found


def rasterize(target, crs, shapes):
    """Burns (OGR geometry, value) pairs, one after the other, with GDAL's default rule."""
    source = ogr.GetDriverByName("Memory").CreateDataSource("")
    layer = source.CreateLayer("", crs)
    layer.CreateField(ogr.FieldDefn("value", ogr.OFTInteger))
    definition = layer.GetLayerDefn()
    for geometry, value in shapes:
        feature = ogr.Feature(definition)
        feature.SetGeometry(geometry)
        feature.SetField(0, int(value))
        layer.CreateFeature(feature)
    gdal.RasterizeLayer(target, [1], layer, options=["ATTRIBUTE=value"])
    return target.ReadAsArray()


def without_pixels(dataset):
    """The same grid without pixels: one band of 16-bit zeros."""
    empty = gdal.GetDriverByName("MEM").Create(
        "", dataset.RasterXSize, dataset.RasterYSize, 1, gdal.GDT_UInt16)
    if dataset.GetGCPCount() > 0:
        empty.SetGCPs(dataset.GetGCPs(), dataset.GetGCPSpatialRef())
    else:
        empty.SetGeoTransform(dataset.GetGeoTransform())
        if dataset.GetSpatialRef() is not None:
            empty.SetSpatialRef(dataset.GetSpatialRef())
    return empty


def crop(mask, window, outside=IGNORE):
    """A window of the whole scene's mask."""
    col, row, cols, rows = window
    part = mask[row:row + rows, col:col + cols]
    return np.pad(part, ((0, rows - part.shape[0]), (0, cols - part.shape[1])),
                  constant_values=outside)


NEGLIGIBLE = 1e-9  # a share of area that rounding makes or unmakes


def assert_boxes(found, expected, tolerance=1e-3):
    """Boxes within `tolerance` pixels, shares within 1e-5; shares of nothing are no matter."""
    found = [box for box in found if box[3] > NEGLIGIBLE]
    expected = [box for box in expected if box[3] > NEGLIGIBLE]
    assert [box[1:3] for box in found] == [box[1:3] for box in expected]
    if not found:
        return
    difference = np.abs(np.array([b[0] for b in found]) - [b[0] for b in expected])
    assert difference.max() <= tolerance
    assert np.abs(np.array([b[3] for b in found]) - [b[3] for b in expected]).max() <= 1e-5


# --- small scenes and label files -------------------------------------------------------------

UTM = "EPSG:32631"
CORNER = (500000.0, 4600000.0)  # of the small scenes, which have 1 m pixels unless told otherwise


def write_scene(path, pixels, transform=None, crs=UTM, **options):
    """A GeoTIFF of [bands, rows, cols] or [rows, cols]; crs None: nothing but pixels."""
    pixels = np.asarray(pixels)
    pixels = pixels[None] if pixels.ndim == 2 else pixels
    if transform is None and crs is not None:
        transform = rasterio.Affine(1, 0, CORNER[0], 0, -1, CORNER[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
        with rasterio.open(
                path, "w", driver="GTiff", count=pixels.shape[0], height=pixels.shape[1],
                width=pixels.shape[2], dtype=pixels.dtype, crs=crs, transform=transform,
                **options) as target:
            target.write(pixels)
    return path


def ground(coordinates):
    """Pixel coordinates of a small scene (nested lists) on its ground."""
    if isinstance(coordinates[0], (int, float)):
        return [CORNER[0] + coordinates[0], CORNER[1] - coordinates[1]]
    return [ground(item) for item in coordinates]


def polygon(*rings):
    """A polygon in pixels of a small scene; rings need not be closed."""
    return {"type": "Polygon", "coordinates": ground([[*ring, ring[0]] for ring in rings])}


def rectangle(x1, y1, x2, y2):
    return polygon([[x1, y1], [x2, y1], [x2, y2], [x1, y2]])


def write_labels(path, features, crs=UTM):
    """A GeoJSON file of geometries or (geometry, class) pairs, with a legacy crs member."""
    collection = {"type": "FeatureCollection", "features": []}
    if crs is not None:
        collection["crs"] = {"type": "name", "properties": {"name": crs}}
    for number, item in enumerate(features):
        geometry, value = item if isinstance(item, tuple) else (item, "a")
        collection["features"].append({"type": "Feature", "id": number, "geometry": geometry,
                                       "properties": {"class": value}})
    path.write_text(json.dumps(collection), encoding="utf-8")
    return path


def star(rng, centre, radius, corners, hole=0.0):
    """A simple polygon round a centre, as [rings][corners][2]; `hole` shrinks it to its hole."""
    angles = np.sort(rng.uniform(0, 2 * math.pi, corners))
    angles += np.linspace(0, 1e-3, corners)  # no two alike
    reach = radius * rng.uniform(0.3, 1, corners)
    ring = np.stack([np.cos(angles), np.sin(angles)], 1) * reach[:, None]
    rings = [ring] if hole == 0 else [ring, ring[::-1] * hole]
    return [(part + centre).tolist() for part in rings]


# --- the label sets of the shared data ---------------------------------------------------------

class Case(typing.NamedTuple):
    """One feed of a label set: every array of labels, every window kept."""
    name: str
    image: str
    labels: typing.Optional[str]
    field: typing.Optional[str]
    tile: tuple
    stride: tuple
    edge: str

    def __str__(self):
        sizes = "x".join(map(str, self.tile)) + "+" + "x".join(map(str, self.stride))
        return f"{self.name}-{sizes}-{self.edge}"


KAMPALA, NEON = "kampala-buildings/", "neon-trees/"
MAIN_SETS = [
    ("olinda", "olinda-landsat7/L7_ETMs.tif", "olinda1.geojson", "TIPO"),
    ("kampala_z21", KAMPALA + "kampala_z21_3072x2048.tif", "labels.geojson", None),
    ("kampala_z20", KAMPALA + "kampala_z20_1536x1024.tif", "labels.geojson", None),
    ("kampala_z21_b", KAMPALA + "kampala_z21_b_1024x1024.tif", "labels.geojson", None),
    ("atlanta", "atlanta-buildings/sample_geotiff.tif", "geotiff_labels.geojson", "building"),
    ("nebraska", "nebraska-pivots/sample_geotiff_custom_proj.tif", "pivots.geojson", None),
    ("para", "para-landcover/LT52240631988227CUB02_7bands.tif", "training_polygons.geojson",
     "class"),
    ("vegas", "vegas-roads/road_mask_input.tif", None, None),
    ("parana", "parana/LC08_L1TP_224077_20200518_20200518_01_RT_B2_60m.TIF", "polygons.geojson",
     "name"),
]
MORE_SETS = [
    ("olinda_shp", "olinda-landsat7/L7_ETMs.tif", "olinda1.shp", "TIPO"),
    ("atlanta_lonlat", "atlanta-buildings/sample_geotiff.tif", "labels_wgs84.geojson", "building"),
    ("atlanta_traced", "atlanta-buildings/sample_geotiff.tif", "gdf_from_mask_2.geojson", "value"),
    ("nebraska_gpkg", "nebraska-pivots/sample_geotiff_custom_proj.tif", "pivots_albers.gpkg", None),
    ("nebraska_5070", "nebraska-pivots/sample_geotiff_custom_proj.tif", "pivots_epsg5070.geojson",
     None),
    ("para_utm", "para-landcover/LT52240631988227CUB02_7bands.tif",
     "training_polygons_epsg32622.geojson", "class"),
    ("histmap", "histmap/map_compress.tif", "train.geojson", "Type"),
    ("histmap_gpkg", "histmap/map_compress.tif", "train.gpkg", "Type"),
    ("parana_gpkg", "parana/LC08_L1TP_224077_20200518_20200518_01_RT_B2_60m.TIF", "polygons.gpkg",
     "name"),
    ("parana_stac", "parana/LC08_L1TP_224077_20200518_20200518_01_RT_B2_60m.TIF",
     "stac_training.geojson", "lc"),
    ("rmnp", "rmnp/rmnp-rgb.tif", "rmnp.geojson", "UNITNAM"),
    ("rmnp_shp", "rmnp/rmnp-rgb.tif", "rmnp.shp", None),
    ("osbs", NEON + "OSBS_029.tif", "OSBS_029_boxes.geojson", "label"),
    ("osbs_utm", NEON + "OSBS_029.tif", "OSBS_029_boxes_epsg32617.geojson", "label"),
    ("sjer", NEON + "2018_SJER_3_252000_4107000_image_477.tif", "SJER_477_boxes.geojson", "label"),
    ("sjer_utm", NEON + "2018_SJER_3_252000_4107000_image_477.tif",
     "SJER_477_boxes_epsg32611.geojson", "label"),
]


def make_cases():
    """Main sets in three sizes, with all 27 combinations of size, stride and edge between them."""
    sizes = {64: (64, 48, 80), 100: (100, 70, 130), 256: (256, 200, 300)}
    edges = ("drop", "pad", "shift")
    cases = []
    for i, (name, image, labels, field) in enumerate(MAIN_SETS):
        labels = labels and f"{pathlib.PurePath(image).parent}/{labels}"
        for k, (tile, strides) in enumerate(sizes.items()):
            stride, edge = strides[(k + i) % 3], edges[(k + i // 3) % 3]
            cases.append(Case(name, image, labels, field, (tile, tile), (stride, stride), edge))
    for i, (name, image, labels, field) in enumerate(MORE_SETS):
        labels = f"{pathlib.PurePath(image).parent}/{labels}"
        cases.append(Case(name, image, labels, field, (112, 72), (80, 90), edges[i % 3]))
    return cases


CASES = make_cases()
LABELLED = [case for case in CASES if case.labels is not None]


@functools.lru_cache(maxsize=None)
def fed(case, folder):
    """The store of a case; made once, by the first test that asks."""
    options = ["--tile", "{}x{}".format(*case.tile), "--stride", "{}x{}".format(*case.stride),
               "--edge", case.edge]
    if case.field is not None:
        options += ["--class-field", case.field]
    codec = "deflate" if CASES.index(case) % 2 else "raw"
    labels = () if case.labels is None else SHARED / case.labels
    return feed(folder / f"{case}.h5", SHARED / case.image, labels, *options, codec=codec)


@functools.lru_cache(maxsize=None)
def labels_of(image, labels, field):
    return Labels(SHARED / image, SHARED / labels, field)


@functools.lru_cache(maxsize=None)
def burnt(image, labels, field):
    return labels_of(image, labels, field).burn()
