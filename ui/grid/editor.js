// Numbers changed in place, and how they reach Python: one edit at a time, the next when Python has answered.

const PATIENCE = 8000; // ms until an edit that nobody answers is taken back

class Editor {
  constructor(owner) {
    this.owner = owner;
    this.wanted = new Map(); // a panel's numbers as edited, by its name, until Python has answered
    this.flying = null; // the edit under way: { name, values, serial }
    this.serial = 0;
  }

  close() {
    this.stop();
    clearTimeout(this.waiting);
  }

  // ---- the field

  open(board, cell, text) {
    if (!board.spec.editable) return;
    this.stop();
    const field = make("input", "field");
    Object.assign(field, { type: "text", autocomplete: "off", spellcheck: false, enterKeyHint: "done" });
    field.value = text ?? written(this.owner.numbers(board)[cell]).replace(MINUS, "-");
    field.setAttribute("aria-label", `${board.spec.title}, row ${Math.floor(cell / board.spec.columns)}, column ${cell % board.spec.columns}`);
    this.field = { node: field, board, cell };
    field.addEventListener("blur", () => this.field?.node === field && (this.take() || this.stop()));
    board.nodes[cell].append(field);
    field.focus({ preventScroll: true });
    if (text === undefined) field.select();
  }

  key(event) {
    // Tab goes on as it would from the cell
    if (event.key === "Enter" || event.key === "Tab") {
      const { board, cell } = this.field;
      if (this.take()) board.nodes[cell].focus({ preventScroll: true });
      if (event.key === "Enter" || this.field) event.preventDefault();
    } else if (event.key === "Escape") {
      const { board, cell } = this.field;
      this.stop();
      this.owner.say("");
      board.nodes[cell].focus({ preventScroll: true });
    }
  }

  take() {
    // what stands in the field becomes the cell's number; false if it is none
    const { node, board, cell } = this.field;
    const { value, wrong } = typed(node.value);
    this.owner.say(wrong ?? "");
    if (wrong) return false;
    const unchanged = node.value === written(this.owner.numbers(board)[cell]).replace(MINUS, "-");
    this.stop();
    if (!unchanged) this.change(board, cell, value); // 1/3 stays 1/3 if nobody touches its 0.3333
    return true;
  }

  stop() {
    const { field } = this;
    this.field = null; // before its blur
    field?.node.remove();
  }

  // ---- to Python and back

  change(board, cell, value) {
    const values = this.owner.numbers(board).slice();
    if (values[cell] === value) return;
    values[cell] = value;
    this.wanted.set(board.spec.name, values);
    this.owner.show();
    this.send();
  }

  send() {
    if (this.flying || !this.wanted.size) return;
    const [name, values] = this.wanted.entries().next().value;
    const { spec } = this.owner.boards.find((board) => board.spec.name === name);
    this.serial = Math.max(this.serial + 1, Date.now());
    this.flying = { name, values, serial: this.serial };
    this.owner.report.setTriggerValue("edit", { panel: name, shape: [spec.rows, spec.columns], values, serial: this.serial });
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.giveUp(), PATIENCE);
  }

  answer(data) {
    // new data: what it answers is as it says, and so is what no longer fits
    for (const [name, values] of this.wanted) {
      const spec = data.panels.find((panel) => panel.name === name);
      if (!spec?.editable || spec.values.length !== values.length) this.wanted.delete(name);
    }
    if (this.flying && data.answered >= this.flying.serial) {
      const { name, values } = this.flying;
      if (this.wanted.get(name) === values) this.wanted.delete(name);
      this.flying = null;
      clearTimeout(this.waiting);
    }
    if (!this.flying) queueMicrotask(() => this.owner.gone || this.send());
  }

  giveUp() {
    this.wanted.clear();
    this.flying = null;
    this.owner.say("There was no answer to this edit, so the last good numbers are back.");
    this.owner.show();
  }
}
