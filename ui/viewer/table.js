// A table whose rows stand for segments: what is pointed at is lit in the linked viewers, and the other way round.

const numeric = (text) => /^[<>≈~]? ?[-−+]?\d[\d,\u2009\u202f]*(\.\d+)?( ?[^\d\s]{1,3})?$/.test(text); // 12, −0.5, 3 px, < 0.1 %
const valueOf = (text) => Number(text.replaceAll("−", "-").replace(/[^\d.+-]/g, ""));

class Table {
  constructor(host) {
    this.host = host;
    this.body = document.createElement("tbody");
    this.abort = new AbortController();
    const on = (target, type, act) => target.addEventListener(type, act.bind(this), { signal: this.abort.signal });
    on(host, "pointerover", (event) => this.enter(this.rowOf(event)));
    on(host, "pointerleave", () => this.enter(null));
    on(host, "focusin", (event) => event.target.matches(":focus-visible") && this.enter(this.rowOf(event)));
    on(host, "focusout", (event) => host.contains(event.relatedTarget) || this.enter(null));
    on(host, "click", (event) => this.click(this.rowOf(event)));
    on(host, "keydown", this.key);
    on(window, "keydown", (event) => event.key === "Escape" && this.letGo());
    on(window, BUS, (event) => this.heard(event.detail));
    host.table = this; // for the browser tests
  }

  rowOf(event) {
    const node = event.target.closest("tbody tr");
    return node && this.rows.find((row) => row.node === node);
  }

  close() {
    this.enter(null);
    this.letGo();
    this.abort.abort();
  }

  // ---- what there is to see

  update(data, report) {
    this.report = report;
    if (this.data?.id === data.id) return;
    const focused = this.rows?.find((row) => row.button.matches(":focus"))?.index;
    const { scrollTop } = this.host;
    if (this.over) this.enter(null);
    const kept = this.held && JSON.stringify(this.held.given) === JSON.stringify(data.rows[this.held.index]);
    const index = this.held?.index;
    if (!kept) this.letGo();
    this.data = data;
    const { columns } = data;
    this.rows = data.rows.map((given, i) => this.row(given, i));
    this.held = kept ? this.rows[index] : null;
    if (kept) shared.held.set(data.link, this.held.lights);
    if (this.sorted?.column >= columns.length) this.sorted = null;
    if (this.rows.length) {
      const table = document.createElement("table");
      table.setAttribute("aria-label", data.label);
      const head = table.createTHead().insertRow();
      this.heads = columns.map((text, column) => this.head(text, column));
      head.append(...this.heads);
      table.append(this.body);
      this.host.replaceChildren(table);
      columns.forEach((_, c) => {
        const right = this.rows.every(({ cells }) => !cells[c] || cells[c] === "—" || numeric(cells[c]));
        for (const node of [this.heads[c], ...this.rows.map((row) => row.node.children[c])]) node.classList.toggle("number", right);
      });
    } else this.host.replaceChildren(make("p", "empty", data.empty));
    this.sort();
    this.mark(shared.lit.get(data.link) ?? null);
    this.host.scrollTop = scrollTop;
    if (this.rows[focused]) this.focus(this.rows[focused]);
  }

  head(text, column) {
    const node = make("th", "");
    node.scope = "col";
    const button = make("button", "", text);
    button.type = "button";
    button.append(make("span", "arrow"));
    button.lastChild.setAttribute("aria-hidden", "true");
    button.title = "Sort";
    button.addEventListener("click", () => {
      const sign = this.sorted?.column === column ? { 1: -1, [-1]: 0 }[this.sorted.sign] : 1; // up, down, as given
      this.sorted = sign ? { column, sign } : null;
      this.sort();
    });
    node.append(button);
    return node;
  }

  row(given, index) {
    const [cells, color, lights, box] = given;
    const node = document.createElement("tr");
    cells.forEach((text, c) => {
      const cell = make(c ? "td" : "th", "", c ? text : undefined);
      if (c === 0) {
        cell.scope = "row";
        const button = make("button", "");
        button.type = "button";
        button.tabIndex = -1; // the arrows go from row to row
        if (color) button.append(swatch([color]));
        button.append(make("span", "", text));
        cell.append(button);
      }
      node.append(cell);
    });
    return { given, index, cells, lights, box, node, button: node.querySelector("button") };
  }

  sort() {
    const order = [...this.rows];
    if (this.sorted) {
      const { column, sign } = this.sorted;
      const compare = (a, b) => {
        const [one, other] = [a.cells[column], b.cells[column]];
        const [n, m] = [numeric(one), numeric(other)];
        if (n !== m) return n ? -1 : 1; // numbers first, whatever the direction
        return sign * (n ? valueOf(one) - valueOf(other) : one.localeCompare(other, undefined, { numeric: true }));
      };
      order.sort(compare);
    }
    this.body.replaceChildren(...order.map((row) => row.node));
    this.heads?.forEach((node, c) => {
      const sign = this.sorted?.column === c ? this.sorted.sign : 0;
      node.setAttribute("aria-sort", { 1: "ascending", [-1]: "descending", 0: "none" }[sign]);
      node.querySelector(".arrow").textContent = { 1: "▲", [-1]: "▼", 0: "" }[sign];
    });
    if (order.length && !this.rows.some((row) => row.button.tabIndex === 0)) order[0].button.tabIndex = 0;
  }

  // ---- what a person does

  enter(row) {
    // points at a row, or at none
    row ??= null;
    if (row === this.over) return;
    this.over = row;
    shared.light(this.data.link, this, row?.lights ?? null);
  }

  click(row) {
    if (!row) return;
    this.focus(row);
    if (row === this.held) this.letGo();
    else {
      this.held = row;
      shared.hold(this.data.link, this, row.lights, row.box ? { look: row.box } : {});
      this.report.setTriggerValue("row", { index: row.index, table: this.data.id, serial: Date.now() });
    }
  }

  letGo() {
    if (!this.held) return;
    const { box } = this.held;
    this.held = null;
    shared.hold(this.data.link, this, null, box ? { look: "whole" } : {});
  }

  focus(row) {
    for (const { button } of this.rows) button.tabIndex = button === row.button ? 0 : -1;
    row.button.focus({ preventScroll: true });
    this.reveal(row);
  }

  key(event) {
    if (event.key === "Escape") return; // for the window
    event.stopPropagation(); // Streamlit has keys of its own
    const row = this.rowOf(event);
    const nodes = [...this.body.children];
    const at = nodes.indexOf(row?.node);
    const to = { ArrowUp: at - 1, ArrowDown: at + 1, Home: 0, End: nodes.length - 1 }[event.key];
    if (!row || to === undefined) return;
    event.preventDefault();
    const next = this.rows.find(({ node }) => node === nodes[Math.min(nodes.length - 1, Math.max(0, to))]);
    this.focus(next);
    this.enter(next);
  }

  // ---- what others point at

  heard({ link, from, light, pick }) {
    if (link !== this.data?.link || light === undefined) return;
    if (this.held && shared.held.get(link) !== this.held.lights) this.held = null; // let go elsewhere
    this.mark(from === this && light !== this.held?.lights ? null : light);
    const first = pick && light && [...this.body.children].find((node) => node.classList.contains("lit"));
    if (first) this.reveal({ node: first });
  }

  mark(light) {
    // the same thing: they share an id in each layer that both name. (All cars share the class, but not the object.)
    const meets = (lights) => {
      const common = Object.keys(lights).filter((name) => light[name]);
      return common.length > 0 && common.every((name) => lights[name].some((id) => light[name].includes(id)));
    };
    for (const row of this.rows) {
      row.node.classList.toggle("lit", Boolean(light) && meets(row.lights));
      row.node.classList.toggle("held", row === this.held);
      row.button.setAttribute("aria-pressed", String(row === this.held));
    }
  }

  reveal({ node }) {
    // within the table's own window: the page stays where it is
    const { host } = this;
    const [box, row] = [host.getBoundingClientRect(), node.getBoundingClientRect()];
    const above = box.top + this.heads[0].offsetHeight - row.top;
    const below = row.bottom - (box.top + host.clientHeight);
    if (above > 0) host.scrollTop -= above;
    else if (below > 0) host.scrollTop += below;
  }
}

const mounted = new WeakMap();

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.querySelector(".segments");
  if (!mounted.has(host)) mounted.set(host, new Table(host));
  const table = mounted.get(host);
  const turn = (table.turn = (table.turn ?? 0) + 1);
  table.update(data, { setTriggerValue });
  return () => {
    // Streamlit also calls this for a call that a newer one has overtaken
    if (table.turn !== turn) return;
    table.close();
    mounted.delete(host);
  };
}
