// One panel: its numbers as cells of an ARIA grid, coloured by value and changed in place.

class Board {
  constructor() {
    this.node = make("section", "board");
    this.box = make("div", "box"); // scrolls if the panel is wider than the page
    this.plot = make("div", "plot");
    this.cells = make("div", "cells");
    this.cells.setAttribute("role", "grid");
    this.ruler = new Ruler(this);
    const under = make("div", "under");
    [this.title, this.size, this.note] = ["title", "size", "note"].map((name) => make("span", name));
    under.append(this.title, this.size, this.note);
    this.plot.append(this.cells, this.ruler.node);
    this.box.append(this.plot);
    this.node.append(this.box, under);
    this.marks = new Map();
    this.kept = null; // what a crop leaves: [top, left, bottom, right]
    this.place = 0; // the cell that Tab comes to
  }

  update(spec) {
    const old = this.spec;
    const same = (...names) => old && names.every((name) => old[name] === spec[name]);
    this.spec = spec;
    const size = `${spec.rows}×${spec.columns}`;
    this.title.textContent = spec.title;
    this.size.textContent = size;
    this.note.textContent = spec.note;
    this.note.hidden = !spec.note;
    this.cells.setAttribute("aria-label", `${spec.title}, ${size}${spec.editable ? ", can be edited" : ""}`);
    this.node.classList.toggle("editable", spec.editable);
    if (!same("rows", "columns")) this.build();
    else if (!same("low", "high", "signed")) this.shown.fill(undefined);
    for (const node of this.nodes) node.setAttribute("aria-readonly", String(!spec.editable));
  }

  build() {
    const { rows, columns } = this.spec;
    this.nodes = [];
    const lines = Array.from({ length: rows }, () => {
      const line = make("div", "row");
      line.setAttribute("role", "row");
      for (let c = 0; c < columns; c++) {
        const node = make("div", "cell");
        node.setAttribute("role", "gridcell");
        node.tabIndex = -1;
        node.place = { board: this, cell: this.nodes.length };
        node.append(make("span", "value"));
        this.nodes.push(node);
        line.append(node);
      }
      return line;
    });
    this.cells.replaceChildren(...lines);
    this.shown = new Array(rows * columns).fill(undefined);
    this.marks = new Map();
    this.kept = null;
    this.moveTo(Math.min(this.place, this.nodes.length - 1));
  }

  moveTo(cell) {
    // the one cell that Tab comes to
    for (const node of this.nodes) if (node.tabIndex === 0) node.tabIndex = -1;
    this.place = cell;
    this.nodes[cell].tabIndex = 0;
  }

  show(values) {
    values.forEach((value, cell) => {
      if (this.shown[cell] === value) return;
      this.shown[cell] = value;
      const node = this.nodes[cell];
      const [fill, ink] = value === null ? ["", ""] : colorOf(value, this.spec);
      node.firstChild.textContent = written(value);
      node.style.background = fill;
      node.style.color = ink;
      node.classList.toggle("none", value === null);
      const [row, column] = [Math.floor(cell / this.spec.columns), cell % this.spec.columns];
      node.setAttribute("aria-label", `row ${row}, column ${column}: ${written(value) || "empty"}`);
    });
  }

  mark(marks, dim) {
    // marks: cell → [kind, a word for its corner]; `dim` fades all others
    this.node.classList.toggle("dim", dim);
    for (const cell of this.marks.keys()) {
      if (marks.has(cell)) continue;
      delete this.nodes[cell].dataset.mark;
      delete this.nodes[cell].dataset.word;
    }
    for (const [cell, [kind, word]] of marks) {
      const { dataset } = this.nodes[cell];
      if (dataset.mark !== kind) dataset.mark = kind;
      if (word) dataset.word = word;
      else delete dataset.word;
    }
    this.marks = marks;
  }

  reveal() {
    // something lit is in sight, where the panel is wider than its box
    if (!this.wide || !this.marks.size) return;
    const { box } = this;
    const spots = [...this.marks.keys()].map((cell) => this.nodes[cell].getBoundingClientRect());
    const { left, right } = box.getBoundingClientRect();
    if (spots.some((spot) => spot.left >= left && spot.right <= right)) return;
    box.scrollLeft += (spots[0].left + spots[0].right - left - right) / 2;
  }

  crop(kept) {
    // [top, left, bottom, right] stay, the rest is struck out; null: all stay
    if (String(kept) === String(this.kept)) return;
    this.kept = kept;
    const [top, left, bottom, right] = kept ?? [0, 0, this.spec.rows, this.spec.columns];
    this.nodes.forEach((node, cell) => {
      const [row, column] = [Math.floor(cell / this.spec.columns), cell % this.spec.columns];
      node.classList.toggle("out", row < top || row >= bottom || column < left || column >= right);
    });
  }

  resize(cell, font, wide) {
    // `wide`: more than the page has room for, so that the panel scrolls in a box of its own
    this.node.classList.toggle("wide", wide);
    this.node.style.setProperty("--cell", `${cell}px`);
    this.node.style.setProperty("--font", `${font}px`);
    this.node.classList.toggle("roomy", cell >= 36); // room for a word in a corner
    this.ruler.resize(cell);
    this.wide = wide;
  }
}
