// A class per pixel, and the brush that paints classes.

class LabelMap extends Regions {
  constructor(spec, original) {
    super(spec, original.slice(), 256);
    this.original = original;
    this.columns = Int32Array.from({ length: this.w }, (_, i) => Math.floor(((i + 0.5) * spec.full[0]) / this.w));
    this.rows = Int32Array.from({ length: this.h }, (_, i) => Math.floor(((i + 0.5) * spec.full[1]) / this.h));
  }

  groupOf(k) {
    return k === this.spec.ignore ? this.spec.unsure : this.spec.names[k];
  }

  colorOf(k) {
    return k === this.spec.ignore || !this.spec.colors[k] ? [255, 255, 255] : this.spec.colors[k];
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
    this.forget();
    this.painted = strokes.length > 0;
    for (const stroke of strokes) this.paint(stroke);
  }

  paint([k, radius, points], from = 0) {
    // Paints the segments of a stroke from its point number `from` on; returns the touched region x0, y0, x1, y1.
    // The twin of ui/viewer/strokes.py: the same comparisons, the same pixels.
    this.painted = true;
    this.counted = null;
    this.forget();
    if (!radius) return this.rectangle(k, points);
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

  rectangle(k, [ax, ay, bx, by]) {
    const { w, columns, rows, values, original } = this;
    const inside = (places, a, b) => [places.findIndex((at) => at >= Math.min(a, b)), places.findLastIndex((at) => at <= Math.max(a, b)) + 1];
    const [x0, x1] = inside(columns, ax, bx);
    const [y0, y1] = inside(rows, ay, by);
    if (x0 < 0 || y0 < 0) return [0, 0, 0, 0];
    for (let y = y0; y < y1; y++) {
      for (let i = y * w + x0; i < y * w + x1; i++) values[i] = k < 0 ? original[i] : k;
    }
    return [x0, y0, x1, y1];
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

  groups() {
    const areas = this.areas();
    const total = areas.reduce((sum, [, n]) => sum + n, 0);
    return areas.map(([k, n]) => [this.groupOf(k), { colors: [this.colorOf(k)], share: n / total }]);
  }

  lightsOf(k) {
    return this.spec.lights[k] ?? null;
  }

  fact(u, v) {
    const k = this.values[this.at(u, v)];
    const name = this.groupOf(k);
    const areas = this.areas();
    const total = areas.reduce((sum, [, n]) => sum + n, 0);
    const share = (areas.find(([c]) => c === k)?.[1] ?? 0) / total;
    return { text: name + (this.hidden.has(name) ? " (hidden)" : ""), color: this.colorOf(k), share };
  }
}
