// One panel: its numbers as cells of an ARIA grid, coloured by value and changed in place.

function makeRow() {
  const line = make("div", "row");
  line.setAttribute("role", "row");
  return line;
}

function makeCell() {
  const node = make("div", "cell");
  node.setAttribute("role", "gridcell");
  node.tabIndex = -1;
  node.append(make("span", "value"));
  return node;
}

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
    [this.nodes, this.shown] = [[], []]; // the cells' elements, and the numbers on them
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
    if (!same("rows", "columns")) this.build(old?.columns ?? 0);
    if (!same("low", "high", "signed")) this.shown.fill(undefined);
    for (const node of this.nodes) node.setAttribute("aria-readonly", String(!spec.editable));
  }

  build(columnsBefore) {
    // A row or column more or less leaves all other cells their elements, with what they show and whoever is there.
    const { rows, columns } = this.spec;
    this.mark(new Map(), false);
    this.crop(null);
    const last = this.nodes[this.place];
    while (this.cells.children.length > rows) this.cells.lastChild.remove();
    while (this.cells.children.length < rows) this.cells.append(makeRow());
    const before = this.shown;
    [this.nodes, this.shown] = [[], []];
    [...this.cells.children].forEach((line, row) => {
      while (line.children.length > columns) line.lastChild.remove();
      while (line.children.length < columns) line.append(makeCell());
      [...line.children].forEach((node, column) => {
        node.place = { board: this, cell: this.nodes.length };
        this.nodes.push(node);
        this.shown.push(column < columnsBefore ? before[row * columnsBefore + column] : undefined);
      });
    });
    this.moveTo(last?.isConnected ? last.place.cell : Math.min(this.place, this.nodes.length - 1));
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
      const [fill, ink] = value === null ? [] : colorOf(value, this.spec);
      node.firstChild.textContent = written(value);
      node.style.cssText = fill ? `background: ${fill}; color: ${ink}` : "";
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
    const [top, left, bottom, right] = kept ?? [];
    this.nodes.forEach((node, cell) => {
      const [row, column] = [Math.floor(cell / this.spec.columns), cell % this.spec.columns];
      node.classList.toggle("out", kept !== null && (row < top || row >= bottom || column < left || column >= right));
    });
  }

  resize(cell, font, wide) {
    // `wide`: more than the page has room for, so that the panel scrolls in a box of its own
    this.ruler.resize(cell);
    if (this.sizes === `${cell} ${font} ${wide}`) return;
    this.sizes = `${cell} ${font} ${wide}`;
    this.node.classList.toggle("wide", wide);
    this.node.style.setProperty("--cell", `${cell}px`);
    this.node.style.setProperty("--font", `${font}px`);
    this.node.classList.toggle("roomy", cell >= 36); // room for a word in a corner
    this.wide = wide;
  }
}
