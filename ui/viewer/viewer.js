// The viewer itself: holds the state, draws, and talks to Python and to the viewers it is linked with.
// All that a person sets (zoom, opacity, hidden classes, strokes, …) is in `state`. It outlives new data and, under the
// viewer's key, a move to another page and back.

class Viewer extends Linked {
  constructor(root, data) {
    super();
    this.data = data;
    this.el = Object.fromEntries(
      ["bar", "stage", "base", "light", "over", "split", "readout", "hint", "help", "legend", "hear", "opacity", "percent",
        "painting", "class", "size", "ink", "tools", "looks", "zoom"].map((name) => [name, root.querySelector(`.${name}`)]),
    );
    this.el.buttons = [...root.querySelectorAll("button[data-do], button[data-tool]")];
    this.el.tags = [...root.querySelectorAll(".tag")];
    this.state = shared.states.get(data.key) ?? this.firstState(data);
    shared.states.set(data.key, this.state);
    Object.assign(this, { layers: [], before: [], decoded: new Map(), turn: 0, hover: null, cross: null, ghost: null });
    Object.assign(this, { ratio: 1, box: null, click: null, serial: 0, pending: 0, wanted: new Set(), fresh: true });
    Object.assign(this, { lit: null, own: false, pointed: null, scratch: document.createElement("canvas") });
    this.legend = new Legend(this);
    this.abort = new AbortController();
    const { signal } = this.abort;
    this.input = new Input(this, signal);
    const on = (target, type, act) => target.addEventListener(type, act, { signal });
    for (const button of this.el.buttons) on(button, "click", () => this.press(button.dataset));
    on(this.el.opacity, "input", () => this.set({ opacity: this.el.opacity.value / 100 }));
    on(this.el.class, "change", () => this.set({ ink: Number(this.el.class.value) }));
    on(this.el.size, "input", () => this.setSize(Number(this.el.size.value)));
    on(root, "keydown", (event) => event.stopPropagation()); // Streamlit has keys of its own: r, c
    on(window, BUS, (event) => this.heard(event.detail));
    on(window, "pointerdown", (event) => event.composedPath().includes(root) || this.setHover(null, true)); // a finger leaves nothing
    this.el.base.viewer = this; // for the browser tests
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.el.stage);
  }

  firstState(data) {
    return {
      view: new View(), opacity: data.opacity, outlines: data.outlines, divider: data.divider, split: 0.5,
      hidden: new Set(), off: new Set(), tool: data.tool ?? "pan", ink: data.ink, size: null, image: null, strokes: [],
      given: "[]", sent: new Set(),
    };
  }

  close() {
    if (this.pointed) shared.light(this.data.link, this, null);
    this.gone = true;
    this.abort.abort();
    this.observer.disconnect();
    clearTimeout(this.telling);
  }

  // ---- new data from Python

  async update(data, report) {
    this.report = report;
    if (this.fresh) this.arrange(data);
    const turn = ++this.turn;
    const old = this.decoded;
    const now = new Map();
    const keep = (id, make) => now.set(id, old.get(id) ?? make()).get(id);
    const layer = (prefix) => async (spec) => {
      const made = await keep(`${prefix} ${spec.name} ${spec.id}`, () => decode(spec));
      made.spec = spec;
      return made;
    };
    try {
      const [photo, layers, before] = await Promise.all([
        data.photo && keep(`photo ${data.photo}`, async () => createImageBitmap(await shared.photo(data.photo).file)),
        Promise.all(data.layers.map(layer("after"))),
        Promise.all(data.before.map(layer("before"))),
      ]);
      if (turn !== this.turn || this.gone) return; // newer data is on its way; what is shown stays until then
      this.decoded = now;
      Object.assign(this, { photo, layers, before });
    } catch (error) {
      this.hint("This picture could not be shown; reload the page.");
      console.error(error);
      return;
    }
    this.arrange(data);
    const untold = this.takePicture(data);
    this.paper = this.layers.find((item) => item instanceof LabelMap);
    this.paper?.repaint(this.state.strokes);
    this.recolor();
    this.fillClasses();
    this.fresh = false;
    this.el.base.dataset.shown = data.image;
    if (data.link) this.lit = shared.lit.get(data.link) ?? null;
    this.show();
    if (this.pointed) this.point(); // at something else, now
    if (untold) this.tell();
  }

  arrange(data) {
    // what needs no decoded picture: the space it will take, the tools, the texts
    this.data = data;
    const { el, state } = this;
    Object.assign(state.view, { width: data.width, height: data.height });
    Object.assign(el.stage.style, { aspectRatio: `${data.width} / ${data.height}`, maxHeight: `${data.max_height}px` });
    el.base.setAttribute("aria-label", data.alt);
    const painting = data.tools.includes("brush");
    const tools = { pan: true, box: data.tools.includes("box"), brush: painting, eraser: painting, rectangle: painting };
    if (!tools[state.tool]) state.tool = "pan";
    const labelled = data.layers.some((layer) => layer.kind !== "heat");
    const some = data.layers.length + data.before.length > 0;
    el.bar.hidden = !data.controls;
    el.tools.hidden = !(tools.box || painting);
    el.looks.hidden = !some || data.controls === "tools";
    el.zoom.hidden = data.controls === "tools";
    for (const button of el.buttons) {
      if (button.dataset.tool) button.hidden = !tools[button.dataset.tool];
      if (button.dataset.do === "outlines") button.hidden = !labelled;
      if (button.dataset.do === "divider") button.hidden = !(data.photo || data.before.length);
    }
    for (const node of el.help.querySelectorAll(".act")) node.hidden = data.tools.length === 0;
    for (const node of el.help.querySelectorAll(".paint")) node.hidden = !painting;
    state.size ??= Math.max(1, Math.round(Math.max(data.width, data.height) / 40));
    el.size.max = Math.max(8, Math.round(Math.max(data.width, data.height) / 6));
    const met = data.link && shared.links.get(data.link);
    if (met && this.fresh) Object.assign(state.view, met);
    this.resize();
  }

  takePicture(data) {
    // another picture: its own strokes, no old marks, and the whole of it in view if its shape differs.
    // Returns whether Python has to be told which strokes there are.
    const { state } = this;
    const given = JSON.stringify(data.strokes);
    const news = given !== state.given && !state.sent.has(given); // the page's own strokes, not an echo of ours
    state.given = given;
    if (state.image === data.image) {
      if (news) state.strokes = data.strokes;
      return news || (this.fresh && given !== JSON.stringify(state.strokes));
    }
    if (state.shape && state.shape !== `${data.width} ${data.height}`) state.view.whole();
    const size = Math.max(data.width, data.height);
    if (state.image !== null) state.size = Math.min(state.size, Math.max(8, Math.round(size / 6)));
    Object.assign(state, { image: data.image, shape: `${data.width} ${data.height}`, strokes: data.strokes });
    Object.assign(this, { box: null, click: null, stroke: null });
    return false;
  }

  fillClasses() {
    const { class: select } = this.el;
    const spec = this.paper?.spec;
    if (!spec || !this.data.tools.includes("brush")) return;
    const known = [...spec.names.keys(), spec.ignore];
    const texts = known.map((k) => this.paper.groupOf(k));
    if (!known.includes(this.state.ink)) this.state.ink = 0;
    if (texts.join("\n") !== [...select.options].map((option) => option.text).join("\n")) {
      select.replaceChildren(...known.map((k, i) => new Option(texts[i], k)));
    }
    select.value = this.state.ink;
  }

  // ---- what a person can set

  press({ do: act, tool }) {
    if (tool) this.useTool(tool);
    else if (act === "in") this.zoom(1.5);
    else if (act === "out") this.zoom(1 / 1.5);
    else if (act === "fit") this.whole();
    else if (act === "undo") this.undo();
    else if (act === "clear") this.setStrokes([]);
    else if (act === "help") this.showHelp(this.el.help.hidden);
    else this.toggle(act);
  }

  set(change) {
    Object.assign(this.state, change);
    this.show();
  }

  toggle(name) {
    const button = this.el.buttons.find((item) => item.dataset.do === name);
    if (!button.hidden) this.set({ [name]: !this.state[name] });
  }

  showHelp(open) {
    this.el.help.hidden = !open;
    this.el.buttons.find((item) => item.dataset.do === "help").setAttribute("aria-expanded", String(open));
  }

  useTool(tool) {
    this.set({ tool });
  }

  setSize(size) {
    this.set({ size: Math.round(Math.min(Number(this.el.size.max), Math.max(1, size))) });
  }

  setSplit(split) {
    this.set({ split: Math.min(1, Math.max(0, split)) });
  }

  toggleLayer(name) {
    const { off } = this.state;
    if (!off.delete(name)) off.add(name);
    this.show();
  }

  toggleClass(name, alone = false) {
    // null shows all; `alone` hides all others
    const { hidden } = this.state;
    if (name === null) hidden.clear();
    else if (alone) {
      hidden.clear();
      for (const other of this.legend.classes([...this.layers, ...this.before]).keys()) if (other !== name) hidden.add(other);
    } else if (!hidden.delete(name)) hidden.add(name);
    this.recolor();
    this.show();
  }
}

const mounted = new WeakMap();

function mount(component) {
  const { data, parentElement, setStateValue, setTriggerValue } = component;
  const root = parentElement.querySelector(".viewer");
  if (!mounted.has(root)) mounted.set(root, new Viewer(root, data));
  const viewer = mounted.get(root);
  viewer.update(data, { setStateValue, setTriggerValue });
  const turn = viewer.turn;
  return () => {
    // Streamlit also calls this for a call that a newer one has overtaken
    if (viewer.turn !== turn) return;
    viewer.close();
    mounted.delete(root);
  };
}

export default function () {
  // the element that brought this code; see loader.js
  shared.viewer ??= mount;
  shared.arrived(shared.viewer);
}
