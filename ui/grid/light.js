// What is lit and said while a cell is looked at, and otherwise by the step that is shown.

const HINT = "Point at a number, or go there with Tab and the arrow keys, to see where it comes from or where it goes.";

class Lighting {
  light() {
    const { place } = this;
    const step = this.player.step;
    const found = place ? this.around(place) : step ? this.ofStep(step) : { marks: new Map(), points: new Map(), words: [] };
    this.boards.forEach((board, i) => {
      board.mark(found.marks.get(i) ?? new Map(), Boolean(place));
      const kept = step?.crops.find(([panel]) => panel === i)?.slice(1) ?? null;
      board.crop(kept);
      board.ruler.draw(found.points.get(i) ?? [], kept);
      if (board !== place?.board) board.reveal();
    });
    this.sentence(found.words);
  }

  ofStep(step) {
    const marks = new Map(Object.entries(step.light).map(([i, cells]) => [Number(i), new Map(cells.map((cell) => [cell, ["lit"]]))]));
    const points = new Map();
    for (const { panel, target, at: places } of this.data.points) {
      const cells = step.light[target] ?? [];
      if (cells.length) points.set(panel, cells.flatMap((cell) => places[cell]));
    }
    return { marks, points, words: [] };
  }

  around({ board, cell }) {
    // the cells that one is made of, goes to, or is the weight between; marks: panel → cell → [kind, word]
    const i = this.boards.indexOf(board);
    const marks = new Map();
    const mark = (panel, at, kind, word) => {
      if (!marks.has(panel)) marks.set(panel, new Map());
      const already = marks.get(panel).get(at);
      marks.get(panel).set(at, [kind, already ? "" : word]); // several weights at one place say nothing
    };
    const words = [];
    const say = (sentence) => words.push(...(words.length ? [[words.at(-1)[0].endsWith(".") ? " " : ". "]] : []), ...sentence);
    const made = this.links.filter((links) => links.target === i);
    if (made.length) {
      const groups = made.map((links) => [links.into(cell), this.numbers(this.boards[links.source])]);
      made.forEach((links, k) => {
        for (const { source, via, weight } of groups[k][0]) {
          mark(links.source, source, "from", `×${times(weight)}`);
          if (via >= 0) mark(links.via, via, "by");
        }
      });
      const { words: sum, total } = sumOf(board, cell, groups);
      say([...sum, ...this.soFar(board, cell, total)]);
    }
    const points = new Map();
    for (const { panel, target, at: places } of this.data.points) {
      if (target !== i) continue;
      points.set(panel, places[cell]);
      say(samples(places[cell], this.boards[panel]));
    }
    const value = this.numbers(board)[cell];
    for (const links of this.links) {
      if (links.source === i) {
        const going = links.from(cell);
        for (const { target, via, weight } of going) {
          mark(links.target, target, "to", `×${times(weight)}`);
          if (via >= 0) mark(links.via, via, "by");
        }
        say(goesTo(board, cell, value, going, this.boards[links.target]));
      } else if (links.via === i) {
        const used = links.through(cell);
        for (const { source, target } of used) {
          mark(links.source, source, "from");
          mark(links.target, target, "to");
        }
        say(usedBy(board, cell, value, used, this.boards[links.source], this.boards[links.target]));
      }
    }
    if (!words.length) say([[`${board.spec.title} ${at(board.spec.columns, cell)} = `, "what"], [written(value) || "empty", "number"]]);
    mark(i, cell, "here");
    return { marks, points, words };
  }

  soFar(board, cell, total) {
    // between the steps a sum may not be complete yet
    const value = board.shown[cell];
    if (!this.player.step || value === total) return [];
    if (value === null) return [["; not there yet"]];
    return Math.abs(value - total) > 1e-9 * Math.max(1, Math.abs(total)) ? [["; so far "], [written(value), "number"]] : [];
  }

  sentence(words) {
    const { sum } = this.el;
    const said = words.length ? words : [[this.links.length ? HINT : "", "hint"]];
    const text = said.map(([part]) => part).join("");
    if (text === sum.textContent) return;
    sum.replaceChildren(...said.map(([part, className]) => (className ? make("span", className, part) : part)));
  }
}
