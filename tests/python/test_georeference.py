"""Scenes that no plain geotransform places: control points, RPC, quarter turns of images and labels."""
import json

import numpy as np
import pytest
from osgeo import gdal, osr
from reference import CORNER, feed, write_labels, write_scene

SIZE = (240, 200)  # columns, rows
RPC = {
    "LINE_OFF": "100", "SAMP_OFF": "120", "LAT_OFF": "-8.05", "LONG_OFF": "-34.9",
    "HEIGHT_OFF": "40", "LINE_SCALE": "100", "SAMP_SCALE": "120", "LAT_SCALE": "0.01",
    "LONG_SCALE": "0.012", "HEIGHT_SCALE": "200",
    # x, y and height; a bend; a denominator that is not 1
    "LINE_NUM_COEFF": "0.01 0.05 -1 0.03 0.01 0 0 0.02 0 0 0 0 0 0 0 0 0 0 0 0",
    "LINE_DEN_COEFF": "1 0.002 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
    "SAMP_NUM_COEFF": "-0.02 1 0.04 -0.02 0 0.01 0 0 0.015 0 0 0 0 0 0 0 0 0 0 0",
    "SAMP_DEN_COEFF": "1 0 0.001 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0",
}


def make(path, pixels=None):
    cols, rows = SIZE
    pixels = np.random.default_rng(3).integers(1, 255, (rows, cols)).astype(np.uint8) \
        if pixels is None else pixels
    dataset = gdal.GetDriverByName("GTiff").Create(str(path), cols, rows, 1, gdal.GDT_Byte)
    dataset.GetRasterBand(1).WriteArray(pixels)
    return dataset


def rpc_scene(path):
    make(path).SetMetadata(RPC, "RPC")
    return path, ["METHOD=RPC", f"RPC_HEIGHT={RPC['HEIGHT_OFF']}"]


def gcp_scene(path):
    """A slanted grid of control points, bent by some metres."""
    points = []
    for row in np.linspace(0, SIZE[1], 5):
        for col in np.linspace(0, SIZE[0], 5):
            bend = 1e-3 * (row * row - col * row)
            points.append(gdal.GCP(CORNER[0] + 3 * col + 0.4 * row, CORNER[1] - 3 * row + bend, 0,
                                   col, row))
    crs = osr.SpatialReference()
    crs.ImportFromEPSG(32631)
    make(path).SetGCPs(points, crs)
    return path, ["METHOD=GCP_POLYNOMIAL"]


@pytest.mark.parametrize("kind", [gcp_scene, rpc_scene])
def test_known_ground_points(tmp_path, store, kind):
    """Small squares about known points: the middles of their boxes are where GDAL's transformer
    puts the points, to far less than half a pixel."""
    image, options = kind(tmp_path / "scene.tif")
    transformer = gdal.Transformer(gdal.Open(str(image)), None, options)
    points = np.random.default_rng(1).uniform(20, 180, (40, 2))
    ground = np.array(transformer.TransformPoints(0, points.tolist())[0])[:, :2]
    step = np.abs(ground[1:] - ground[:-1]).max() * 1e-4
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) * step
    features = [{"type": "Polygon", "coordinates": [(centre + corners).tolist()]}
                for centre in ground]
    labels = write_labels(tmp_path / "labels.geojson", features,
                          crs="EPSG:32631" if kind is gcp_scene else None)
    made = feed(store, image, labels, "--tile", "{}x{}".format(*SIZE), tasks="detection")
    found = {feature: ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
             for box, _, feature, _ in made.boxes(0)}
    back = np.array(transformer.TransformPoints(1, ground.tolist())[0])[:, :2]
    assert sorted(found) == list(range(40))
    for number, place in found.items():
        np.testing.assert_allclose(place, back[number], atol=0.05)
        np.testing.assert_allclose(place, points[number], atol=0.5)


@pytest.mark.parametrize("kind", [gcp_scene, rpc_scene])
def test_warped_to_a_grid_as_gdalwarp_does(tmp_path, store, kind):
    image, options = kind(tmp_path / "scene.tif")
    crs, resolution = ("EPSG:32631", 3) if kind is gcp_scene else ("EPSG:32725", 9)
    made = feed(store, image, (), "--tile", 512, "--edge", "pad", "--crs", crs, "--resolution",
                resolution)
    row = made.table("scenes")[0]
    cols, rows = int(row["cols"]), int(row["rows"])
    left, size, _, top, _, _ = made.samples[0]["geotransform"]
    # gdalwarp prefers what it thinks is best: it is told the same method
    warped = gdal.Warp("", str(image), format="MEM", dstSRS=crs, errorThreshold=0, width=cols,
                       height=rows, resampleAlg="near", transformerOptions=options,
                       outputBounds=(left, top - rows * size, left + cols * size, top))
    np.testing.assert_array_equal(made.images[0, 0, :rows, :cols], warped.ReadAsArray())
    assert 0.3 < (made.images[0] != 0).sum() / (cols * rows) <= 1


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_scene_and_its_labels_turned_together(tmp_path, turns):
    """Pixels and labels turned by quarters, both without place: tiles, masks and boxes are turned."""
    size, tile = 64, 16
    pixels = np.random.default_rng(5).integers(0, 255, (2, size, size)).astype(np.uint8)
    shapes = [[[5.2, 6.1], [20.3, 9.4], [12.8, 25.5]], [[40, 33], [61.6, 35], [58, 60], [41, 50.25]],
              [[14, 40], [18, 40], [18, 44.6], [14, 44.6]]]

    def turned(x, y):
        for _ in range(turns):  # as np.rot90: counterclockwise
            x, y = y, size - x
        return [x, y]

    stores = []
    for number in (0, 1):
        image = write_scene(tmp_path / f"{number}.tif",
                            np.rot90(pixels, turns * number, (1, 2)), crs=None)
        rings = [[turned(*point) if number else list(point) for point in shape]
                 for shape in shapes]
        labels = tmp_path / f"{number}.geojson"
        labels.write_text(json.dumps({"type": "FeatureCollection", "features": [
            {"type": "Feature", "id": i, "properties": {}, "geometry":
             {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}}
            for i, ring in enumerate(rings)]}))
        stores.append(feed(tmp_path / f"{number}.h5", image, labels, "--tile", tile))
    plain, other = stores
    for i, (col, row, _, _) in enumerate(plain.windows):
        corners = np.array([turned(col, row), turned(col + tile, row + tile)])
        k = other.at(*corners.min(0))
        for name in ("images", "masks"):
            np.testing.assert_array_equal(np.rot90(getattr(plain, name)[i], turns, (-2, -1)),
                                          getattr(other, name)[k])
        boxes = [(box, visible) for box, _, _, visible in other.boxes(k)]
        assert len(boxes) == len(plain.boxes(i))
        for (box, _, _, visible), (found, share) in zip(plain.boxes(i), boxes):
            x, y = [box[0] + col, box[2] + col], [box[1] + row, box[3] + row]
            ends = np.array([turned(x[0], y[0]), turned(x[1], y[1])]) - corners.min(0)
            np.testing.assert_allclose(found, [*ends.min(0), *ends.max(0)], atol=1e-5)
            assert share == pytest.approx(visible, abs=1e-6)
