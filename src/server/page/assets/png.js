/* Numbers of a mask out of a PNG of one channel, as they were written: a browser would give colours. */

const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];
const MOST = 1 << 26; /* pixels */

/* What stands before each byte of a row is left, above, and above left of it. */
function unfilter(rows, height, stride, step) {
  let before = new Uint8Array(stride);
  const paeth = (left, above, corner) => {
    const guess = left + above - corner;
    const [toLeft, toAbove, toCorner] = [left, above, corner].map((value) => Math.abs(guess - value));
    return toLeft <= toAbove && toLeft <= toCorner ? left : toAbove <= toCorner ? above : corner;
  };
  const guesses = [() => 0, (left) => left, (left, above) => above, (left, above) => (left + above) >> 1, paeth];
  const result = new Uint8Array(height * stride);
  for (let row = 0; row < height; row++) {
    const guess = guesses[rows[row * (stride + 1)]];
    if (!guess) throw new Error("The mask cannot be read.");
    const line = result.subarray(row * stride, (row + 1) * stride);
    for (let at = 0; at < stride; at++) {
      const left = at < step ? 0 : line[at - step];
      const corner = at < step ? 0 : before[at - step];
      line[at] = rows[row * (stride + 1) + 1 + at] + guess(left, before[at], corner);
    }
    before = line;
  }
  return result;
}

async function inflate(parts) {
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/* {width, height, values}: grey or numbers of a palette, of 8 or 16 bits, not interlaced. */
export async function numbersOf(blob) {
  const bytes = new Uint8Array(await blob.arrayBuffer());
  const view = new DataView(bytes.buffer);
  if (!SIGNATURE.every((value, at) => bytes[at] === value)) throw new Error("The mask is no PNG.");
  const width = view.getUint32(16);
  const height = view.getUint32(20);
  const [depth, kind, , , interlaced] = bytes.subarray(24, 29);
  if (![8, 16].includes(depth) || ![0, 3].includes(kind) || interlaced !== 0 || width * height > MOST) {
    throw new Error("The mask is a PNG of another kind.");
  }
  const parts = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const size = view.getUint32(at);
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + size));
    at += size + 12;
  }
  const step = depth / 8;
  const rows = await inflate(parts);
  if (rows.length < height * (width * step + 1)) throw new Error("The mask ends early.");
  const plain = unfilter(rows, height, width * step, step);
  if (step === 1) return {width, height, values: plain};
  const pixels = new DataView(plain.buffer);
  return {width, height, values: Uint16Array.from({length: width * height}, (_, at) => pixels.getUint16(2 * at))};
}
