// Layers as the browser keeps them: values unpacked from what Python packed (ui/viewer/encode.py), and the canvases
// they are coloured into. Every machine a browser runs on today is little-endian: a pixel is 0xAABBGGRR.

function bytesOf(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

async function inflate(blob, w) {
  const stream = blob.stream().pipeThrough(new DecompressionStream("deflate"));
  const out = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let start = 0; start < out.length; start += w) {
    for (let i = start + 1, end = start + w; i < end; i++) out[i] += out[i - 1]; // wraps, as in Python
  }
  return out;
}

async function decode(spec) {
  if (spec.kind === "ids") return new IdMap(spec, await inflate(await shared.photo(spec.id).file, spec.w));
  const values = await inflate(new Blob([bytesOf(spec.z)]), spec.w);
  return spec.kind === "labels" ? new LabelMap(spec, values) : new HeatMap(spec, values);
}

const abgr = ([r, g, b], a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;

class Grid {
  // Values (h, w), whole numbers, and a canvas of the same size.
  constructor(spec, values) {
    this.spec = spec;
    this.values = values;
    this.w = spec.w;
    this.h = spec.h;
    this.image = new ImageData(this.w, this.h);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.canvas = Object.assign(document.createElement("canvas"), { width: this.w, height: this.h });
    this.context = this.canvas.getContext("2d");
  }

  at(u, v) {
    // index of the value at the fractions u, v of width and height
    const x = Math.min(this.w - 1, Math.floor(u * this.w));
    const y = Math.min(this.h - 1, Math.floor(v * this.h));
    return y * this.w + x;
  }

  color(table, x0 = 0, y0 = 0, x1 = this.w, y1 = this.h) {
    for (let y = y0; y < y1; y++) {
      for (let i = y * this.w + x0, end = y * this.w + x1; i < end; i++) this.pixels[i] = table[this.values[i]];
    }
    this.context.putImageData(this.image, 0, 0, x0, y0, x1 - x0, y1 - y0);
  }
}

class HeatMap extends Grid {
  constructor(spec, values) {
    super(spec, values);
    const rgb = bytesOf(spec.lut);
    const table = new Uint32Array(256); // level 0 means "no value" and stays clear
    for (let k = 1; k < 256; k++) table[k] = abgr(rgb.subarray(3 * k - 3, 3 * k));
    this.color(table);
  }

  fact(u, v) {
    const level = this.values[this.at(u, v)];
    if (level === 0) return { text: "no value" };
    const { vmin, vmax, unit } = this.spec;
    return { text: `${number(vmin + ((level - 1) / 254) * (vmax - vmin), vmax - vmin)}${unit ? ` ${unit}` : ""}` };
  }
}

function number(value, range) {
  // as many digits as the 254 levels can tell apart
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(range) || 1))));
  return value.toFixed(digits);
}
