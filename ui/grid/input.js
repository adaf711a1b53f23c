// Pointer and keys: which cell is looked at. A pointer that hovers comes before the cell that has the focus.

class Input {
  constructor(owner, root, signal) {
    this.owner = owner;
    this.root = root;
    const boards = root.querySelector(".boards");
    const on = (target, type, act) => target.addEventListener(type, act.bind(this), { signal });
    on(boards, "pointerover", (event) => event.pointerType !== "touch" && owner.look({ hover: this.placeOf(event) }));
    on(boards, "pointerleave", () => owner.look({ hover: null }));
    on(boards, "pointerdown", this.down);
    on(boards, "click", this.click);
    on(boards, "focusin", (event) => owner.look({ focus: this.placeOf(event) }));
    on(boards, "focusout", (event) => boards.contains(event.relatedTarget) || owner.look({ focus: null }));
    on(root, "keydown", this.key);
    on(window, "click", (event) => event.composedPath().includes(root) || this.leave()); // not while scrolling
  }

  placeOf(event) {
    return event.target.closest?.(".cell")?.place ?? null;
  }

  down(event) {
    const place = this.placeOf(event);
    this.touch = event.pointerType === "touch";
    this.again = Boolean(place) && this.owner.focus?.board === place.board && this.owner.focus.cell === place.cell;
  }

  click(event) {
    // a mouse edits at the first click, a finger only looks at first
    const place = this.placeOf(event);
    if (!place || event.target.matches("input")) return;
    this.to(place.board, place.cell);
    if (!this.touch || this.again) this.owner.editor.open(place.board, place.cell);
  }

  leave() {
    // a finger that taps elsewhere takes the focus from no cell by itself
    const { focus } = this.owner;
    focus?.board.nodes[focus.cell].blur();
  }

  to(board, cell) {
    board.moveTo(cell);
    board.nodes[cell].focus({ preventScroll: true });
    const [box, node] = [board.box, board.nodes[cell]];
    const [a, b] = [box.getBoundingClientRect(), node.getBoundingClientRect()]; // within the panel's own window
    if (b.left < a.left) box.scrollLeft -= a.left - b.left;
    else if (b.right > a.right) box.scrollLeft += b.right - a.right;
  }

  key(event) {
    event.stopPropagation(); // Streamlit has keys of its own: r, c
    const { owner } = this;
    if (event.target.matches(".field")) owner.editor.key(event);
    else if (event.ctrlKey && ["Home", "End"].includes(event.key)) this.move(event);
    else if (event.ctrlKey || event.metaKey || event.altKey) return;
    else if (!this.move(event)) this.act(event);
  }

  move(event) {
    const place = this.placeOf(event);
    if (!place) return false;
    const { board, cell } = place;
    const { rows, columns } = board.spec;
    const [row, column] = [Math.floor(cell / columns), cell % columns];
    const to = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [event.ctrlKey ? 0 : row, 0], End: [event.ctrlKey ? rows - 1 : row, columns - 1],
    }[event.key];
    if (!to) return false;
    event.preventDefault();
    const [r, c] = [Math.min(rows - 1, Math.max(0, to[0])), Math.min(columns - 1, Math.max(0, to[1]))];
    this.owner.look({ hover: null });
    this.to(board, r * columns + c);
    this.reveal(board.nodes[r * columns + c]);
    return true;
  }

  reveal(node) {
    const { top, bottom } = node.getBoundingClientRect();
    if (top < 70 || bottom > window.innerHeight - 20) node.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  act(event) {
    const { owner } = this;
    const { player, editor } = owner;
    const place = this.placeOf(event);
    const acts = { ",": () => player.press("back"), ".": () => player.press("forward") };
    if (place) {
      const begin = (text) => () => editor.open(place.board, place.cell, text);
      Object.assign(acts, { Enter: begin(), F2: begin(), Escape: () => this.leave() });
      if (place.board.spec.editable && /^[\d\-−]$/.test(event.key)) acts[event.key] = begin(event.key);
    }
    if (!event.target.matches("button, select")) acts[" "] = () => player.toggle();
    if (!acts[event.key]) return;
    event.preventDefault();
    acts[event.key]();
  }
}
