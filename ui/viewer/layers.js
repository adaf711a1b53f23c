// Layers as the browser keeps them: 8-bit values unpacked from what Python packed (ui/viewer/encode.py), and the
// canvases they are coloured into. Every machine a browser runs on today is little-endian: a pixel is 0xAABBGGRR.

function bytesOf(base64) {
  const text = atob(base64);
  const out = new Uint8Array(text.length);
  for (let i = 0; i < out.length; i++) out[i] = text.charCodeAt(i);
  return out;
}

async function unpack({ z, w, h }) {
  const stream = new Blob([bytesOf(z)]).stream().pipeThrough(new DecompressionStream("deflate"));
  const out = new Uint8Array(await new Response(stream).arrayBuffer());
  for (let y = 0; y < h; y++) {
    for (let i = y * w + 1, end = (y + 1) * w; i < end; i++) out[i] += out[i - 1]; // wraps, as in Python
  }
  return out;
}

const abgr = ([r, g, b], a = 255) => ((a << 24) | (b << 16) | (g << 8) | r) >>> 0;

class Grid {
  // 8-bit values (h, w) and a canvas of the same size.
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

  text(u, v) {
    const level = this.values[this.at(u, v)];
    if (level === 0) return "no value";
    const { vmin, vmax, unit } = this.spec;
    return `${number(vmin + ((level - 1) / 254) * (vmax - vmin), vmax - vmin)}${unit ? ` ${unit}` : ""}`;
  }
}

function number(value, range) {
  // as many digits as the 254 levels can tell apart
  const digits = Math.max(0, Math.min(6, 2 - Math.floor(Math.log10(Math.abs(range) || 1))));
  return value.toFixed(digits);
}

class LabelMap extends Grid {
  constructor(spec, original) {
    super(spec, original.slice());
    this.original = original;
    this.columns = Int32Array.from({ length: this.w }, (_, i) => Math.floor(((i + 0.5) * spec.full[0]) / this.w));
    this.rows = Int32Array.from({ length: this.h }, (_, i) => Math.floor(((i + 0.5) * spec.full[1]) / this.h));
    this.hidden = new Set();
    this.line = null; // the canvas of outlines, made when asked for
  }

  nameOf(k) {
    return k === this.spec.ignore ? this.spec.unsure : this.spec.names[k];
  }

  colorOf(k) {
    return k === this.spec.ignore || !this.spec.colors[k] ? [255, 255, 255] : this.spec.colors[k];
  }

  recolor(hidden, ...region) {
    this.hidden = hidden;
    const table = new Uint32Array(256);
    for (let k = 0; k < 256; k++) table[k] = hidden.has(this.nameOf(k)) ? 0 : abgr(this.colorOf(k));
    this.color(table, ...region);
    this.lineWidth = 0; // the outlines are out of date
  }

  outlines(width) {
    // A white line inside one class and a dark one inside its neighbour: seen on any photo and in any palette.
    if (this.lineWidth === width) return this.line;
    this.lineWidth = width;
    const { w, h, values } = this;
    const seen = new Uint16Array(256);
    for (let k = 0; k < 256; k++) seen[k] = this.hidden.has(this.nameOf(k)) ? 256 : k;
    this.line ??= Object.assign(document.createElement("canvas"), { width: w, height: h });
    const image = new ImageData(w, h);
    const out = new Uint32Array(image.data.buffer);
    const light = abgr([255, 255, 255], 240);
    const dark = abgr([0, 0, 0], 190);
    for (let y = 0, i = 0; y < h; y++) {
      for (let x = 0; x < w; x++, i++) {
        const me = seen[values[i]];
        if ((x + width < w && seen[values[i + width]] !== me) || (y + width < h && seen[values[i + width * w]] !== me)) {
          out[i] = light;
        } else if ((x >= width && seen[values[i - width]] !== me) || (y >= width && seen[values[i - width * w]] !== me)) {
          out[i] = dark;
        }
      }
    }
    this.line.getContext("2d").putImageData(image, 0, 0);
    return this.line;
  }

  edges(x0, y0, x1, y1) {
    // the borders between classes in a region, as a path in this layer's pixels; for when single pixels can be seen
    const { w, h, values, hidden } = this;
    const path = new Path2D();
    const seen = Int16Array.from({ length: 256 }, (_, k) => (hidden.has(this.nameOf(k)) ? -1 : k));
    for (let y = Math.max(0, y0); y < Math.min(h, y1); y++) {
      for (let x = Math.max(0, x0); x < Math.min(w, x1); x++) {
        const i = y * w + x;
        if (x + 1 < w && seen[values[i]] !== seen[values[i + 1]]) {
          path.moveTo(x + 1, y);
          path.lineTo(x + 1, y + 1);
        }
        if (y + 1 < h && seen[values[i]] !== seen[values[i + w]]) {
          path.moveTo(x, y + 1);
          path.lineTo(x + 1, y + 1);
        }
      }
    }
    return path;
  }

  areas() {
    // [[class, pixels], …]; Python counted the whole map, after painting the shown pixels are counted here
    if (!this.painted) return this.spec.areas;
    if (this.counted) return this.counted;
    const counts = new Float64Array(256);
    for (const k of this.values) counts[k] += 1;
    this.counted = Array.from(counts, (n, k) => [k, n]).filter(([, n]) => n > 0);
    return this.counted;
  }

  repaint(strokes) {
    this.values.set(this.original);
    this.painted = strokes.length > 0;
    for (const stroke of strokes) this.paint(stroke);
  }

  paint([k, radius, points], from = 0) {
    // Paints the segments of a stroke from its point number `from` on; returns the touched region x0, y0, x1, y1.
    // The twin of ui/viewer/strokes.py: the same comparisons, the same pixels.
    this.painted = true;
    this.counted = null;
    const touched = [this.w, this.h, 0, 0];
    const last = points.length / 2 - 1;
    for (let n = Math.min(from, Math.max(0, last - 1)); n < Math.max(1, last); n++) {
      const end = Math.min(n + 1, last);
      const part = this.segment(k, Math.round(2 * radius), points[2 * n], points[2 * n + 1], points[2 * end], points[2 * end + 1]);
      for (const c of [0, 1]) touched[c] = Math.min(touched[c], part[c]);
      for (const c of [2, 3]) touched[c] = Math.max(touched[c], part[c]);
    }
    return touched;
  }

  segment(k, size, ax, ay, bx, by) {
    const { w, h, columns, rows, values, original } = this;
    const reach = Math.floor(size / 2) + 1;
    const cell = ([full, shown], at) => Math.floor((at * shown) / full);
    const across = [this.spec.full[0], w];
    const down = [this.spec.full[1], h];
    const x0 = Math.max(0, cell(across, Math.min(ax, bx) - reach) - 1);
    const x1 = Math.min(w, cell(across, Math.max(ax, bx) + reach) + 2);
    const y0 = Math.max(0, cell(down, Math.min(ay, by) - reach) - 1);
    const y1 = Math.min(h, cell(down, Math.max(ay, by) + reach) + 2);
    const dx = bx - ax;
    const dy = by - ay;
    const length2 = dx * dx + dy * dy;
    const limit = size * size;
    for (let y = y0; y < y1; y++) {
      const py = rows[y] - ay;
      for (let x = x0; x < x1; x++) {
        const px = columns[x] - ax;
        const along = px * dx + py * dy;
        let hit;
        if (along <= 0) hit = 4 * (px * px + py * py) <= limit;
        else if (along >= length2) hit = 4 * ((px - dx) ** 2 + (py - dy) ** 2) <= limit;
        else hit = 4 * (px * dy - py * dx) ** 2 <= limit * length2;
        if (hit) values[y * w + x] = k < 0 ? original[y * w + x] : k;
      }
    }
    return [x0, y0, Math.max(x0, x1), Math.max(y0, y1)];
  }

  text(u, v) {
    const k = this.values[this.at(u, v)];
    return this.nameOf(k) + (this.hidden.has(this.nameOf(k)) ? " (hidden)" : "");
  }
}
