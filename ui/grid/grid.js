// The component itself: holds the state, shows it, and takes new data in without losing place, focus or a frame.
// What a person has set (step, speed) is in `state`, which outlives new data and, under the key, a move to another page.

class Grid extends Lighting {
  constructor(root, data) {
    super();
    this.root = root;
    this.el = Object.fromEntries(["boards", "sum", "wrong"].map((name) => [name, root.querySelector(`.${name}`)]));
    this.state = shared.states.get(data.key) ?? { place: 0, count: null, speed: data.speed };
    shared.states.set(data.key, this.state);
    Object.assign(this, { boards: [], links: [], hover: null, focus: null, turn: 0, width: root.clientWidth });
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.player = new Player(this, root, signal);
    this.editor = new Editor(this);
    this.input = new Input(this, root, signal);
    root.grid = this; // for the browser tests
    this.observer = new ResizeObserver(() => this.resize(root.clientWidth));
    this.observer.observe(root);
  }

  close() {
    this.gone = true;
    this.player.playing = false;
    this.editor.close();
    this.abort.abort();
    this.observer.disconnect();
  }

  // ---- new data from Python

  update(data, report) {
    this.report = report;
    this.turn += 1;
    const focused = this.focus && { name: this.focus.board.spec.name };
    const nodes = [this.hover, this.focus].map((place) => place?.board.nodes[place.cell]);
    const edited = this.editor.field?.board.spec;
    const same = (spec) => spec.name === edited.name && spec.rows === edited.rows && spec.columns === edited.columns;
    if (edited && !data.panels.some(same)) this.editor.stop(); // while its cell is still the one it was opened for
    this.busy = true; // a cell that goes takes the focus along, and what is lit then is half old, half new
    this.data = data;
    this.root.setAttribute("aria-label", data.label);
    this.editor.answer(data);
    this.takeBoards(data.panels);
    [this.hover, this.focus] = nodes.map((node) => (node?.isConnected ? node.place : null));
    this.links = data.links.map((spec) => new Links(spec));
    this.el.sum.hidden = !this.links.length; // the numbers themselves say all there is
    this.player.update(data.steps, data.panels.map((panel) => panel.values));
    this.measure();
    this.busy = false;
    this.refocus(focused);
    this.show();
  }

  takeBoards(panels) {
    // a panel that stays keeps its elements
    const old = new Map(this.boards.map((board) => [board.spec.name, board]));
    this.boards = panels.map((spec) => {
      const board = old.get(spec.name) ?? new Board();
      board.update(spec);
      return board;
    });
    const nodes = this.boards.map((board) => board.node);
    if (nodes.some((node, i) => this.el.boards.children[i] !== node) || nodes.length !== this.el.boards.children.length) {
      this.el.boards.replaceChildren(...nodes);
    }
  }

  refocus(focused) {
    // where the focus was, or as near as there still is
    const board = focused && this.boards.find(({ spec }) => spec.name === focused.name);
    if (!board || this.editor.field || this.root.contains(this.root.getRootNode().activeElement)) return;
    board.nodes[board.place].focus({ preventScroll: true });
  }

  measure() {
    // the longest number that each panel ever shows, so that cells keep their size while steps play
    for (const board of this.boards) board.longest = 1;
    const longer = (board, values) => {
      for (const value of values) board.longest = Math.max(board.longest, written(value).length);
    };
    this.data.panels.forEach((panel, i) => longer(this.boards[i], panel.values));
    for (const step of this.data.steps) {
      for (const [i, [, values]] of Object.entries(step.values)) longer(this.boards[i], values);
    }
    this.boards.forEach((board, i) => {
      board.ruler.sample(this.data.points.filter(({ panel }) => panel === i).flatMap((points) => points.at.flat()));
    });
    this.layOut();
  }

  resize(width) {
    // Asking for the width in the midst of changes would make the browser lay all out twice: the observer knows it.
    if (width === this.width) return;
    this.width = width;
    this.layOut();
  }

  layOut() {
    if (this.width && this.boards.length) layOut(this.boards, this.width);
  }

  // ---- what there is to see

  numbers(board) {
    // a panel's numbers as they are, apart from steps: edited, or as Python gave them
    return this.editor.wanted.get(board.spec.name) ?? board.spec.values;
  }

  get place() {
    return this.hover ?? this.focus;
  }

  look(change) {
    const { place } = this;
    Object.assign(this, change);
    if (this.focus && "focus" in change) this.focus.board.moveTo(this.focus.cell);
    if (this.place !== place && !this.busy) this.light();
  }

  say(text) {
    this.el.wrong.textContent = text;
    this.el.wrong.hidden = !text;
  }

  show() {
    const values = this.player.values();
    this.boards.forEach((board, i) => board.show(this.editor.wanted.get(board.spec.name) ?? values[i]));
    this.player.show();
    this.light();
  }
}

const mounted = new WeakMap();

function mount(component) {
  const { data, parentElement, setTriggerValue } = component;
  const root = parentElement.querySelector(".grid");
  if (!mounted.has(root)) mounted.set(root, new Grid(root, data));
  const grid = mounted.get(root);
  grid.update(data, { setTriggerValue });
  const { turn } = grid;
  return () => {
    // Streamlit also calls this for a call that a newer one has overtaken
    if (grid.turn !== turn) return;
    grid.close();
    mounted.delete(root);
  };
}

export default function () {
  // the element that brought this code; see loader.js
  shared.mount ??= mount;
  shared.arrived(shared.mount);
}
