// Coordinates along a panel's edges, sample points on it, and the frame of what a crop leaves: all in SVG over the cells.
// Coordinates are in cells, whole numbers in their middles.

const TOP = 30; // px that the ruler takes above the cells, and
const LEFT = 38; // beside them
const TAIL = 12; // beyond them, for labels and points at the very edge

function svg(tag, attributes, text) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  return node;
}

class Ruler {
  constructor(board) {
    this.board = board;
    this.node = svg("svg", { class: "over", "aria-hidden": "true" });
    this.still = svg("g", { class: "still" }); // the ruler itself, and the rows and columns of all samples
    this.moving = svg("g", { class: "moving" }); // the samples of the cell that is looked at; the crop
    this.node.append(this.still, this.moving);
    this.places = [];
  }

  get frame() {
    return this.board.spec.ruler ? [TOP, LEFT, TAIL] : [0, 0, 0];
  }

  x(column) {
    return this.frame[1] + (column + 0.5) * this.cell;
  }

  y(row) {
    return this.frame[0] + (row + 0.5) * this.cell;
  }

  sample(places) {
    // all points that there are on this panel: their rows and columns stand on the ruler
    this.places = places;
  }

  resize(cell) {
    this.cell = cell;
    const { rows, columns, ruler } = this.board.spec;
    const wanted = JSON.stringify([cell, rows, columns, ruler, this.places]);
    if (this.wanted === wanted) return;
    this.wanted = wanted;
    const [top, left, tail] = this.frame;
    this.board.plot.style.padding = ruler ? `${top}px ${tail}px ${tail}px ${left}px` : "";
    this.node.setAttribute("width", left + columns * cell + tail);
    this.node.setAttribute("height", top + rows * cell + tail);
    const parts = ruler ? [...this.axis(columns, true), ...this.axis(rows, false)] : [];
    this.still.replaceChildren(...parts);
    this.draw(...(this.last ?? [[], null]));
  }

  axis(n, across) {
    const centres = this.board.spec.ruler === "centres";
    const [first, last] = centres ? [0, n - 1] : [-0.5, n - 0.5];
    const end = (across ? this.frame[0] : this.frame[1]) - 8; // the axis runs this far from the other edge
    const along = (v) => (across ? this.x(v) : this.y(v));
    const line = (className, a, b, c, d) =>
      svg("line", across ? { class: className, x1: a, y1: b, x2: c, y2: d } : { class: className, x1: b, y1: a, x2: d, y2: c });
    const parts = [line("axis", along(first), end, along(last), end)];
    for (let v = first; v <= last; v += 0.5) {
      const middle = Number.isInteger(v);
      parts.push(line("tick", along(v), end - (middle ? 6 : 3), along(v), end));
      const outermost = !centres && (v === first || v === last) && this.cell >= 34;
      if (middle || outermost) parts.push(this.label(across, along(v), short(v).text, outermost ? "label end" : "label"));
    }
    const own = [...new Set(this.places.map(([row, column]) => Math.round((across ? column : row) * 1e6) / 1e6))];
    for (const v of own) parts.push(svg("circle", { class: "stop", r: 2.5, ...this.pair(across, along(v), end + 5) }));
    return parts;
  }

  pair(across, a, b) {
    return across ? { cx: a, cy: b } : { cx: b, cy: a };
  }

  label(across, a, text, className) {
    const place = across
      ? { x: a, y: this.frame[0] - 18, "text-anchor": "middle" }
      : { x: this.frame[1] - 18, y: a, "text-anchor": "end", "dominant-baseline": "central" };
    return svg("text", { class: className, ...place }, text);
  }

  draw(points, kept) {
    // points: [row, column] of the samples now looked at; kept: what a crop leaves
    if (String(this.last) === String([points, kept]) && this.moving.childElementCount && this.drawn === this.cell) return;
    this.last = [points, kept];
    this.drawn = this.cell;
    if (!this.cell) return;
    const parts = [];
    if (kept) {
      const [top, left, bottom, right] = kept;
      const [x, y] = [this.x(left - 0.5), this.y(top - 0.5)];
      parts.push(svg("rect", { class: "kept", x, y, width: (right - left) * this.cell, height: (bottom - top) * this.cell }));
    }
    const [top, left] = this.frame;
    for (const [row, column] of points) {
      const [x, y] = [this.x(column), this.y(row)];
      if (top) {
        parts.push(svg("line", { class: "guide", x1: x, y1: top - 8, x2: x, y2: y }));
        parts.push(svg("line", { class: "guide", x1: left - 8, y1: y, x2: x, y2: y }));
      }
      parts.push(svg("circle", { class: "point", cx: x, cy: y, r: Math.min(6, this.cell / 6) }));
    }
    if (top && points.length === 1) parts.push(...this.pill(points[0][1], true), ...this.pill(points[0][0], false));
    this.moving.replaceChildren(...parts);
  }

  pill(value, across) {
    // the coordinate of a sample, over the ruler's own labels
    const text = coordinate(value);
    const width = 10 + 6.5 * text.length;
    const [x, y] = across ? [this.x(value), this.frame[0] - 21] : [Math.max(width / 2, this.frame[1] - 14 - width / 2), this.y(value)];
    return [
      svg("rect", { class: "pill", x: x - width / 2, y: y - 9, width, height: 18, rx: 9 }),
      svg("text", { class: "coordinate", x, y, "text-anchor": "middle", "dominant-baseline": "central" }, text),
    ];
  }
}
