/* The outline of the land: TopoJSON to one path in Web Mercator, where the world is 1 by 1. */

export const LATITUDE_MOST = 85.0511287798066;

export function project(lon, lat) {
  const bounded = Math.max(-LATITUDE_MOST, Math.min(LATITUDE_MOST, lat));
  const angle = bounded * Math.PI / 180;
  return [(lon + 180) / 360, (1 - Math.log(Math.tan(angle) + 1 / Math.cos(angle)) / Math.PI) / 2];
}

export function unproject(x, y) {
  return [x * 360 - 180, Math.atan(Math.sinh(Math.PI * (1 - 2 * y))) * 180 / Math.PI];
}

/* Arcs are sums of differences, on a grid. */
function arcs(topology) {
  const {scale, translate} = topology.transform;
  return topology.arcs.map((arc) => {
    let x = 0;
    let y = 0;
    return arc.map(([dx, dy]) => {
      x += dx;
      y += dy;
      return project(x * scale[0] + translate[0], y * scale[1] + translate[1]);
    });
  });
}

/* Rings go on beyond 180 degrees instead of jumping to the other side; the map draws the world several
 * times, side by side. One that ends a turn away goes around a pole, and is closed there. */
function addRing(path, ring, known) {
  const points = ring.flatMap((index) => index < 0 ? [...known[~index]].reverse() : known[index]);
  const [first] = points;
  let turns = 0;
  let before = first[0];
  path.moveTo(...first);
  for (const [x, y] of points.slice(1)) {
    turns += x - before > 0.5 ? -1 : x - before < -0.5 ? 1 : 0;
    path.lineTo(x + turns, y);
    before = x;
  }
  if (turns !== 0) {
    path.lineTo(first[0] + turns, 1);
    path.lineTo(first[0], 1);
  }
  path.closePath();
}

let loaded = null;

/* A promise of a Path2D; the same for all maps. */
export function land() {
  loaded ??= fetch(new URL("assets/land-110m.json", document.baseURI)).then(async (response) => {
    const topology = await response.json();
    const known = arcs(topology);
    const path = new Path2D();
    for (const shape of topology.objects.land.geometries) {
      for (const polygon of shape.type === "Polygon" ? [shape.arcs] : shape.arcs) {
        for (const ring of polygon) addRing(path, ring, known);
      }
    }
    return path;
  });
  return loaded;
}
