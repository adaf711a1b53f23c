// Layers whose numbers stand for regions, each with a name, a colour and a place in the legend: classes, or segments.

const MASKS = 64; // kept of each layer

class Regions extends Grid {
  constructor(spec, values, levels) {
    super(spec, values);
    this.levels = levels; // more than the largest value
    this.hidden = new Set(); // names of legend entries
    this.line = null; // the canvas of outlines, made when asked for
    this.forget();
  }

  clear(k) {
    return this.hidden.has(this.groupOf(k));
  }

  seen() {
    // the values as far as they can be told apart: what is clear is all the same
    return Int32Array.from({ length: this.levels }, (_, k) => (this.clear(k) ? -1 : k));
  }

  recolor(hidden, ...region) {
    this.hidden = hidden;
    this.color(Uint32Array.from({ length: this.levels }, (_, k) => (this.clear(k) ? 0 : abgr(this.colorOf(k)))), ...region);
    this.lineWidth = 0; // the outlines are out of date
  }

  outlines(width) {
    // A white line inside one region and a dark one inside its neighbour: seen on any photo and in any palette.
    if (this.lineWidth === width) return this.line;
    this.lineWidth = width;
    const { w, h, values } = this;
    const seen = this.seen();
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
    // the borders within a rectangle, as a path in this layer's pixels; for when single pixels can be seen
    const { w, h, values } = this;
    const path = new Path2D();
    const seen = this.seen();
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

  forget() {
    // the values have changed
    this.masks = new Map();
    this.boxes = null;
  }

  findBoxes() {
    // x0, y0, x1, y1 (exclusive) of each value, in one go over the rows' runs
    const { w, h, values, levels } = this;
    const box = { x0: new Int32Array(levels).fill(w), y0: new Int32Array(levels).fill(h), x1: new Int32Array(levels), y1: new Int32Array(levels) };
    for (let y = 0; y < h; y++) {
      for (let i = y * w, end = i + w, from = i; i < end; from = i) {
        const k = values[i];
        while (i < end && values[i] === k) i++;
        box.x0[k] = Math.min(box.x0[k], from - y * w);
        box.x1[k] = Math.max(box.x1[k], i - y * w);
        box.y0[k] = Math.min(box.y0[k], y);
        box.y1[k] = y + 1;
      }
    }
    return box;
  }

  mask(k) {
    // a white picture of one region alone, as large as it needs: { canvas, x, y }; null if there is no such region
    if (this.masks.has(k)) return this.masks.get(k);
    this.boxes ??= this.findBoxes();
    const [x, y] = [this.boxes.x0[k], this.boxes.y0[k]];
    const [w, h] = [this.boxes.x1[k] - x, this.boxes.y1[k] - y];
    if (!(w > 0)) return null;
    const canvas = Object.assign(document.createElement("canvas"), { width: w, height: h });
    const image = new ImageData(w, h);
    const out = new Uint32Array(image.data.buffer);
    for (let row = 0, i = 0; row < h; row++) {
      for (let from = (y + row) * this.w + x, at = from; at < from + w; at++, i++) if (this.values[at] === k) out[i] = 0xffffffff;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
    if (this.masks.size >= MASKS) this.masks.delete(this.masks.keys().next().value);
    this.masks.set(k, { canvas, x, y });
    return this.masks.get(k);
  }
}
