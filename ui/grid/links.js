// Which cells make which: the links between two panels, read from either end and from the kernel behind them.

class Links {
  constructor(spec) {
    this.source = spec.source; // panels are called by their place
    this.target = spec.target;
    this.via = spec.via;
    this.starts = unpack(spec.starts, Uint32Array);
    this.sources = unpack(spec.sources, Uint16Array);
    this.weights = Float64Array.from(unpack(spec.codes, Uint16Array), (code) => spec.weights[code]);
    this.behind = spec.via === null ? null : unpack(spec.behind, Int16Array);
    this.found = {};
  }

  // A link: { source, target, via, weight }, its cells; via is −1 where there is none.
  link(n, target) {
    return { source: this.sources[n], target, via: this.behind ? this.behind[n] : -1, weight: this.weights[n] };
  }

  into(target) {
    const links = [];
    for (let n = this.starts[target]; n < this.starts[target + 1]; n++) links.push(this.link(n, target));
    return links;
  }

  from(source) {
    return this.by("sources", this.sources, source);
  }

  through(via) {
    return this.behind ? this.by("behind", this.behind, via) : [];
  }

  by(name, cells, cell) {
    // sorted by the cells at that end, at the first time of asking
    this.found[name] ??= this.sorted(cells);
    return this.found[name].get(cell) ?? [];
  }

  sorted(cells) {
    const found = new Map();
    for (let target = 0; target + 1 < this.starts.length; target++) {
      for (let n = this.starts[target]; n < this.starts[target + 1]; n++) {
        const cell = cells[n];
        if (!found.has(cell)) found.set(cell, []);
        found.get(cell).push(this.link(n, target));
      }
    }
    return found;
  }
}
