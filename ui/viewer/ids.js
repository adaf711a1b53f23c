// Segments by number: 0 is nothing, the others have an entry each; some areas are hatched.

class IdMap extends Regions {
  constructor(spec, planes) {
    const n = spec.w * spec.h;
    const values = new Uint16Array(n);
    let most = 0;
    for (let i = 0; i < n; i++) {
      values[i] = planes[i] | (planes[n + i] << 8);
      if (values[i] > most) most = values[i];
    }
    super(spec, values, most + 1);
    this.hatched = spec.planes > 2 ? planes.subarray(2 * n) : null;
  }

  get entries() {
    // by id; the same ids may come with other names or colours
    if (this.read !== this.spec) {
      this.read = this.spec;
      this.known = new Map(
        this.spec.entries.map(([k, name, color, group, area]) => [k, { name, color, group: this.spec.groups[group], area }]),
      );
      this.listed = null;
    }
    return this.known;
  }

  get total() {
    return this.spec.full[0] * this.spec.full[1];
  }

  groupOf(k) {
    return this.entries.get(k)?.group;
  }

  colorOf(k) {
    return this.entries.get(k)?.color ?? [0, 0, 0];
  }

  clear(k) {
    return !this.entries.has(k) || super.clear(k);
  }

  recolor(hidden) {
    super.recolor(hidden);
    this.hatching = null;
    if (!this.hatched || hidden.has(this.spec.hatched_name)) return;
    const image = new ImageData(this.w, this.h);
    const out = new Uint32Array(image.data.buffer);
    const seen = this.seen();
    for (let i = 0; i < out.length; i++) if (this.hatched[i] && (seen[this.values[i]] >= 0 || this.values[i] === 0)) out[i] = 0xffffffff;
    this.hatching = Object.assign(document.createElement("canvas"), { width: this.w, height: this.h });
    this.hatching.getContext("2d").putImageData(image, 0, 0);
  }

  areas() {
    return this.spec.entries; // for the legend: another one when anything about them has changed
  }

  groups() {
    const { entries } = this;
    if (this.listed) return this.listed;
    this.listed = new Map();
    for (const { color, group, area } of entries.values()) {
      if (!area) continue;
      if (!this.listed.has(group)) this.listed.set(group, { colors: [], share: 0, count: 0 });
      const entry = this.listed.get(group);
      if (entry.colors.length < 4 && !entry.colors.some((other) => css(other) === css(color))) entry.colors.push(color);
      entry.share += area / this.total;
      entry.count += 1;
    }
    const { hatched_name: name, hatched_area: area } = this.spec;
    if (area) this.listed.set(name, { share: area / this.total });
    return this.listed;
  }

  lightsOf(k) {
    return k ? (this.spec.lights[k] ?? {}) : null;
  }

  fact(u, v) {
    const i = this.at(u, v);
    const k = this.values[i];
    const note = this.hatched?.[i] ? this.spec.hatched_name : undefined;
    if (!k) return { text: this.spec.nothing, note };
    const { name, color, area } = this.entries.get(k);
    return { text: name + (this.clear(k) ? " (hidden)" : ""), color, share: area / this.total, note };
  }
}
