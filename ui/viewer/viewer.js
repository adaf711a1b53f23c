// The viewer itself: holds the state, draws, and talks to Python and to the viewers it is linked with.
// All that a person sets (zoom, opacity, hidden classes, strokes, …) is in `state`. It outlives new data and, under the
// viewer's key, a move to another page and back.

const shared = (window.__seglabViewers ??= { states: new Map(), links: new Map() });
const BUS = "seglab-viewer"; // one window event for all links: { link, from, view | cursor }

class Viewer {
  constructor(root, data) {
    this.data = data;
    this.el = Object.fromEntries(
      ["bar", "stage", "base", "over", "split", "readout", "hint", "help", "legend", "hear", "opacity", "percent",
        "painting", "class", "size", "ink", "tools", "looks"].map((name) => [name, root.querySelector(`.${name}`)]),
    );
    this.el.buttons = [...root.querySelectorAll("button[data-do], button[data-tool]")];
    this.el.tags = [...root.querySelectorAll(".tag")];
    this.state = shared.states.get(data.key) ?? this.firstState(data);
    shared.states.set(data.key, this.state);
    Object.assign(this, { layers: [], before: [], decoded: new Map(), turn: 0, hover: null, cross: null, ghost: null });
    Object.assign(this, { ratio: 1, box: null, click: null, serial: 0, pending: 0, fresh: true });
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
    this.el.base.viewer = this; // for the browser tests
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.el.stage);
  }

  firstState(data) {
    return {
      view: new View(), opacity: data.opacity, outlines: data.outlines, divider: data.divider, split: 0.5,
      hidden: new Set(), off: new Set(), tool: data.tool ?? "pan", ink: null, size: null, image: null, strokes: [],
    };
  }

  close() {
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
      const Kind = spec.kind === "labels" ? LabelMap : HeatMap;
      const made = await keep(prefix + spec.id, async () => new Kind(spec, await unpack(spec)));
      made.spec = spec;
      return made;
    };
    try {
      const [photo, layers, before] = await Promise.all([
        data.photo && keep(`photo ${data.photo.id}`, () => unpackPhoto(data.photo)),
        Promise.all(data.layers.map(layer("after "))),
        Promise.all(data.before.map(layer("before "))),
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
    const restored = this.takePicture(data);
    this.paper = this.layers.find((item) => item instanceof LabelMap);
    this.paper?.repaint(this.state.strokes);
    this.recolor();
    this.fillClasses();
    this.fresh = false;
    this.el.base.dataset.shown = data.image;
    this.show();
    if (restored) this.tell();
  }

  arrange(data) {
    // what needs no decoded picture: the space it will take, the tools, the texts
    this.data = data;
    const { el, state } = this;
    Object.assign(state.view, { width: data.width, height: data.height });
    Object.assign(el.stage.style, { aspectRatio: `${data.width} / ${data.height}`, maxHeight: `${data.max_height}px` });
    el.base.setAttribute("aria-label", data.alt);
    const painting = data.tools.includes("brush");
    const tools = { pan: true, box: data.tools.includes("box"), brush: painting, eraser: painting };
    if (!tools[state.tool]) state.tool = "pan";
    const labelled = data.layers.some((layer) => layer.kind === "labels");
    const some = data.layers.length + data.before.length > 0;
    el.bar.hidden = !data.controls;
    el.tools.hidden = !(tools.box || painting);
    el.looks.hidden = !some;
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
    // another picture: its own strokes, no old marks, and the whole of it in view if its shape differs
    const { state } = this;
    if (state.image === data.image) return this.fresh && state.strokes.length > 0;
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
    const texts = known.map((k) => this.paper.nameOf(k));
    if (!known.includes(this.state.ink)) this.state.ink = 0;
    if (texts.join("\n") !== [...select.options].map((option) => option.text).join("\n")) {
      select.replaceChildren(...known.map((k, i) => new Option(texts[i], k)));
    }
    select.value = this.state.ink;
  }

  // ---- drawing

  resize() {
    const { base, over, stage } = this.el;
    const box = stage.getBoundingClientRect();
    if (!box.width || !box.height) return;
    this.ratio = Math.min(2, window.devicePixelRatio || 1); // more than two device pixels only cost time
    const size = { width: Math.round(box.width * this.ratio), height: Math.round(box.height * this.ratio) };
    if (base.width !== size.width || base.height !== size.height) {
      Object.assign(base, size);
      Object.assign(over, size);
    }
    Object.assign(this.state.view, { canvasWidth: size.width, canvasHeight: size.height });
    this.state.view.clamp();
    this.cross = null;
    if (!this.fresh) this.draw(); // at once: setting a canvas's size has cleared it
  }

  show(...what) {
    // draw once in the next frame, whatever was asked for until then
    const all = what.length === 0;
    this.wanted = { base: this.wanted?.base || all, over: true };
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      if (this.gone || this.fresh) return;
      if (this.wanted.base) this.draw();
      else this.drawOver();
      this.wanted = null;
    });
  }

  recolor() {
    for (const layer of [...this.layers, ...this.before]) {
      if (layer instanceof LabelMap) layer.recolor(this.state.hidden);
    }
  }

  draw() {
    const { view, divider, split } = this.state;
    const { base } = this.el;
    const context = base.getContext("2d");
    context.clearRect(0, 0, base.width, base.height);
    if (this.photo) this.stretch(context, this.photo, view.scale * view.width < 2 * this.photo.width);
    const cut = divider ? Math.round(split * base.width) : 0;
    this.drawLayers(context, this.before, 0, cut);
    this.drawLayers(context, this.layers, cut, base.width);
    this.drawOver();
    this.panel();
  }

  drawLayers(context, layers, from, to) {
    if (to <= from) return;
    const { off, opacity, outlines, view } = this.state;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.el.base.height);
    context.clip();
    for (const layer of layers) {
      if (off.has(layer.spec.name)) continue;
      const shrink = layer.w / (view.scale * view.width); // layer pixels per canvas pixel
      context.globalAlpha = opacity;
      // never mix two classes' colours; a heat map may be smoothed where it is made smaller
      this.stretch(context, layer.canvas, layer instanceof HeatMap && shrink > 1);
      context.globalAlpha = 1;
      if (outlines && layer instanceof LabelMap) {
        const width = Math.max(1, Math.round(shrink * this.ratio));
        this.stretch(context, layer.outlines(width), shrink > 1);
      }
    }
    context.restore();
  }

  stretch(context, picture, smooth) {
    const { view } = this.state;
    context.imageSmoothingEnabled = smooth;
    context.imageSmoothingQuality = "medium";
    context.drawImage(picture, view.left, view.top, view.width * view.scale, view.height * view.scale);
  }

  drawOver() {
    const { over } = this.el;
    const { view, tool, size } = this.state;
    const context = over.getContext("2d");
    context.clearRect(0, 0, over.width, over.height);
    const r = this.ratio;
    const twice = (path) => {
      // dark under light: seen on any picture
      for (const [color, width] of [["#000b", 3.5], ["#fff", 1.5]]) {
        Object.assign(context, { strokeStyle: color, lineWidth: width * r });
        context.beginPath();
        path();
        context.stroke();
      }
    };
    const plus = ([x, y], inner, outer) => {
      for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
        context.moveTo(x + dx * inner, y + dy * inner);
        context.lineTo(x + dx * outer, y + dy * outer);
      }
    };
    const ring = ([x, y], radius) => {
      context.moveTo(x + radius, y);
      context.arc(x, y, radius, 0, 2 * Math.PI);
    };
    for (const [x, y] of [...this.data.marks, ...(this.click ? [this.click] : [])]) {
      twice(() => ring(view.toCanvas(x + 0.5, y + 0.5), 6 * r));
    }
    if (this.box) {
      const [x0, y0] = view.toCanvas(this.box[0], this.box[1]);
      const [x1, y1] = view.toCanvas(this.box[2], this.box[3]);
      twice(() => context.rect(x0, y0, x1 - x0, y1 - y0));
    }
    if (this.ghost) twice(() => plus(view.toCanvas(this.ghost[0] * view.width, this.ghost[1] * view.height), 3 * r, 9 * r));
    const point = this.cross ?? this.hover;
    const brush = tool === "brush" || tool === "eraser";
    if (point && brush) {
      const [x, y] = this.pixel(point);
      twice(() => ring(view.toCanvas(x + 0.5, y + 0.5), Math.max(2 * r, (size / 2) * view.scale)));
    }
    if (this.cross && !(brush && size * view.scale < 12 * r)) twice(() => plus(this.cross, 4 * r, 14 * r));
  }

  panel() {
    // everything outside the canvases that shows the state
    const { el, state, data } = this;
    const pressed = { outlines: state.outlines, divider: state.divider };
    for (const button of el.buttons) {
      const { tool, do: act } = button.dataset;
      if (tool) button.setAttribute("aria-pressed", String(state.tool === tool));
      if (act in pressed) button.setAttribute("aria-pressed", String(pressed[act]));
      if (act === "undo" || act === "clear") button.disabled = state.strokes.length === 0;
      if (act === "fit" || act === "out") button.disabled = state.view.zoom <= 1;
    }
    el.opacity.value = Math.round(100 * state.opacity);
    el.percent.textContent = `${Math.round(100 * state.view.zoom)} %`;
    el.painting.hidden = !(state.tool === "brush" || state.tool === "eraser");
    el.size.value = state.size;
    if (this.paper) el.ink.style.background = el.ink.style.borderColor = css(this.paper.colorOf(state.ink ?? 0));
    el.ink.style.visibility = state.tool === "eraser" ? "hidden" : "";
    el.split.hidden = !state.divider;
    el.split.style.left = `${100 * state.split}%`;
    el.split.setAttribute("aria-valuenow", String(Math.round(100 * state.split)));
    const side = (layers) => layers.map((layer) => layer.name).join(" + ") || "Photo";
    [data.before, data.layers].forEach((layers, i) => {
      el.tags[i].hidden = !state.divider;
      el.tags[i].textContent = side(layers);
    });
    el.base.toggleAttribute("data-own-touch", state.tool !== "pan" || state.view.zoom > 1.001);
    el.base.dataset.hand = state.tool === "pan" && data.tools.includes("click") ? "click" : state.tool;
    this.legend.show();
    this.read();
  }

  read() {
    // the small read-out: what is under the pointer, the cross-hair, or the pointer over a linked viewer
    const { el, state } = this;
    const { view } = state;
    const at = this.cross ?? this.hover ?? (this.ghost && view.toCanvas(this.ghost[0] * view.width, this.ghost[1] * view.height));
    const [x, y] = at ? view.toPicture(...at) : [-1, -1];
    const inside = x >= 0 && y >= 0 && x < view.width && y < view.height;
    el.readout.hidden = !inside;
    if (!inside) return;
    const left = state.divider && at[0] < Math.round(state.split * el.base.width);
    const parts = [];
    const spoken = [];
    const shown = (left ? this.before : this.layers).filter((layer) => !state.off.has(layer.spec.name));
    for (const layer of shown) {
      const [u, v] = [x / view.width, y / view.height];
      const text = shown.length > 1 || layer instanceof HeatMap ? `${layer.spec.name}: ${layer.text(u, v)}` : layer.text(u, v);
      const node = make("span", "fact", text);
      if (layer instanceof LabelMap) {
        const k = layer.values[layer.at(u, v)];
        const swatch = make("span", "swatch");
        swatch.style.cssText = `background: ${css(layer.colorOf(k))}; border-color: transparent`;
        parts.push(swatch);
        const areas = layer.areas();
        const total = areas.reduce((sum, [, n]) => sum + n, 0);
        node.textContent += ` · ${percent((areas.find(([c]) => c === k)?.[1] ?? 0) / total)}`;
      }
      spoken.push(text);
      parts.push(node);
    }
    parts.push(make("span", "at", `x ${Math.floor(x)}, y ${Math.floor(y)}`));
    el.readout.replaceChildren(...parts);
    if (!this.ghost) this.speak(spoken.join(", "));
  }

  speak(text) {
    // to screen readers at most once a second, and only what is new
    this.saying = text;
    this.voice ??= setTimeout(() => {
      this.voice = null;
      if (this.saying !== this.el.hear.textContent) this.el.hear.textContent = this.saying;
    }, 1000);
  }

  hint(text) {
    this.el.hint.textContent = text;
    this.el.hint.hidden = false;
    clearTimeout(this.hinting);
    this.hinting = setTimeout(() => (this.el.hint.hidden = true), 1800);
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

  // ---- zoom and pan; linked viewers follow

  middle() {
    return [this.el.base.width / 2, this.el.base.height / 2];
  }

  zoom(factor, at) {
    this.state.view.zoomAt(factor, ...(at ?? this.middle()));
    this.moved();
  }

  pan(dx, dy) {
    this.state.view.panBy(dx, dy);
    this.moved();
  }

  pinch(factor, before, after) {
    this.state.view.panBy(after[0] - before[0], after[1] - before[1]);
    this.state.view.zoomAt(factor, ...after);
    this.moved();
  }

  whole() {
    this.state.view.whole();
    this.moved();
  }

  moved() {
    this.show();
    const { zoom, cx, cy } = this.state.view;
    if (!this.data.link) return;
    shared.links.set(this.data.link, { zoom, cx, cy });
    this.say({ view: { zoom, cx, cy } });
  }

  say(message) {
    if (this.data.link) window.dispatchEvent(new CustomEvent(BUS, { detail: { link: this.data.link, from: this, ...message } }));
  }

  heard({ link, from, view, cursor }) {
    if (from === this || link !== this.data.link || this.fresh) return;
    if (view) {
      Object.assign(this.state.view, view);
      this.state.view.clamp();
      this.show();
    } else {
      this.ghost = cursor;
      this.show("over");
      this.read();
    }
  }

  setHover(at, spread = false) {
    this.hover = at;
    this.show("over");
    this.read();
    const { view } = this.state;
    const point = at && view.toPicture(...at);
    if (spread) this.say({ cursor: point && [point[0] / view.width, point[1] / view.height] });
  }

  setCross(at) {
    if (this.cross === at) return;
    this.cross = at;
    this.show("over");
    this.read();
  }

  steer(dx, dy, fine) {
    // arrows move the picture; where it can't move any further they move the cross-hair, Shift always does
    const { view } = this.state;
    const { base } = this.el;
    const step = fine ? Math.max(1, view.scale) : 40 * this.ratio;
    const rest = fine ? [-dx * step, -dy * step] : view.panBy(-dx * step, -dy * step);
    const [x, y] = this.cross ?? this.middle();
    const inside = (value, size) => Math.min(size - 1, Math.max(0, value));
    this.setCross([inside(x - rest[0], base.width), inside(y - rest[1], base.height)]);
    this.moved();
  }

  pixel([px, py]) {
    // the picture pixel under a point of the canvas, the nearest one if the point is beside the picture
    const { view } = this.state;
    const inside = (value, size) => Math.min(size - 1, Math.max(0, Math.floor(value)));
    const [x, y] = view.toPicture(px, py);
    return [inside(x, view.width), inside(y, view.height)];
  }

  // ---- to Python

  next() {
    this.serial = Math.max(this.serial + 1, Date.now());
    return this.serial;
  }

  sendClick(at) {
    if (!this.data.tools.includes("click")) return;
    const { view } = this.state;
    const [x, y] = view.toPicture(...at);
    if (x < 0 || y < 0 || x >= view.width || y >= view.height) return;
    this.click = this.pixel(at);
    this.show("over");
    this.report.setTriggerValue("click", { at: this.click, image: this.data.image, serial: this.next() });
  }

  setBox(a, b) {
    this.box = a && [Math.min(a[0], b[0]), Math.min(a[1], b[1]), Math.max(a[0], b[0]) + 1, Math.max(a[1], b[1]) + 1];
    this.show("over");
  }

  sendBox() {
    this.report.setTriggerValue("box", { at: this.box, image: this.data.image, serial: this.next() });
  }

  startStroke(pixel, erase) {
    this.stroke = [erase ? -1 : this.state.ink, this.state.size / 2, [...pixel]];
    this.dab(0);
  }

  extendStroke([x, y]) {
    if (!this.stroke) return;
    const points = this.stroke[2];
    const n = points.length;
    const [dx, dy] = [x - points[n - 2], y - points[n - 1]];
    if (dx === 0 && dy === 0) return;
    const [ex, ey] = n < 4 ? [0, 0] : [points[n - 2] - points[n - 4], points[n - 1] - points[n - 3]];
    const straight = n >= 4 && ex * dy === ey * dx && ex * dx + ey * dy > 0; // goes on in the same line: one segment
    if (straight) points.length = n - 2;
    points.push(x, y);
    this.dab(points.length / 2 - 2);
  }

  dab(from) {
    const touched = this.paper.paint(this.stroke, from);
    if (touched[2] > touched[0] && touched[3] > touched[1]) this.paper.recolor(this.state.hidden, ...touched);
    this.show();
  }

  endStroke() {
    if (!this.stroke) return;
    const { stroke } = this;
    this.stroke = null;
    this.setStrokes([...this.state.strokes, stroke]);
  }

  dropStroke() {
    this.stroke = null;
    this.setStrokes(this.state.strokes, false);
  }

  undo() {
    if (this.state.strokes.length) this.setStrokes(this.state.strokes.slice(0, -1));
  }

  setStrokes(strokes, news = true) {
    this.state.strokes = strokes;
    this.paper?.repaint(strokes);
    this.recolor();
    this.show();
    if (news) this.tell();
  }

  tell() {
    // several quick strokes make one message
    clearTimeout(this.telling);
    this.telling = setTimeout(() => {
      if (this.stroke) this.tell();
      else this.report.setStateValue("strokes", { image: this.data.image, list: this.state.strokes });
    }, 250);
  }
}

const mounted = new WeakMap();

export default function (component) {
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
