// Below the picture: layers to switch, classes to hide with their share of the picture, colour bars.

const HATCH = "repeating-linear-gradient(45deg, #000 0 2px, #fff 2px 4px)"; // as on the picture

class Legend {
  constructor(viewer) {
    this.viewer = viewer;
    this.nodes = new Map(); // a node stays the same one while its entry stays, and with it the keyboard's focus
  }

  show() {
    const { viewer } = this;
    const wanted = [];
    const layers = [...viewer.layers, ...viewer.before];
    const names = [...new Set(layers.map((layer) => layer.spec.name))];
    const { hidden, off } = viewer.state;
    const now = [viewer.data, [...hidden].join("\n"), [...off].join("\n"), ...layers.map((layer) => layer.areas?.())];
    if (this.drawn?.length === now.length && now.every((item, i) => item === this.drawn[i])) return;
    this.drawn = now; // nothing below is redone while the picture moves
    if (viewer.data.legend || viewer.data.controls) {
      if (names.length > 1) for (const name of names) wanted.push(this.layerChip(name));
    }
    if (viewer.data.legend) {
      for (const [name, entry] of this.classes(layers)) wanted.push(this.classChip(name, entry));
      if (viewer.state.hidden.size) wanted.push(this.showAll());
      for (const layer of layers) if (layer instanceof HeatMap) wanted.push(this.colorBar(layer.spec));
    }
    const host = viewer.el.legend;
    wanted.forEach((node, i) => host.children[i] !== node && host.insertBefore(node, host.children[i] ?? null));
    while (host.children.length > wanted.length) host.lastChild.remove();
  }

  node(id, build) {
    if (!this.nodes.has(id)) this.nodes.set(id, build());
    return this.nodes.get(id);
  }

  classes(layers) {
    // name → colours, share and count; they are those in the first layer that has the class
    const found = new Map();
    for (const layer of layers) {
      if (!(layer instanceof Regions) || this.viewer.state.off.has(layer.spec.name)) continue;
      for (const [name, entry] of layer.groups()) if (!found.has(name)) found.set(name, entry);
    }
    return found;
  }

  layerChip(name) {
    const { viewer } = this;
    const chip = this.node(`layer ${name}`, () => {
      const button = make("button", "chip layer");
      button.type = "button";
      button.title = "Show or hide this layer";
      button.append(make("span", "name", name));
      button.addEventListener("click", () => viewer.toggleLayer(name));
      return button;
    });
    chip.setAttribute("aria-pressed", String(!viewer.state.off.has(name)));
    return chip;
  }

  classChip(name, { colors, share, count }) {
    const { viewer } = this;
    const chip = this.node(`class ${name}`, () => {
      const button = make("button", "chip class-of");
      button.type = "button";
      button.title = "Click: hide or show this class. Shift + click: this class alone.";
      button.append(make("span", "swatch"), make("span", "name", name), make("span", "share"));
      button.addEventListener("click", (event) => viewer.toggleClass(name, event.shiftKey));
      return button;
    });
    const edge = colors ? css(colors[0]) : "currentColor";
    chip.querySelector(".swatch").style.cssText = `background: ${colors ? stripes(colors) : HATCH}; border-color: ${edge}`;
    chip.querySelector(".share").textContent = (count === undefined ? "" : `× ${count} · `) + percent(share);
    chip.setAttribute("aria-pressed", String(!viewer.state.hidden.has(name)));
    return chip;
  }

  showAll() {
    return this.node("all", () => {
      const button = make("button", "chip all", "Show all");
      button.type = "button";
      button.addEventListener("click", () => this.viewer.toggleClass(null));
      return button;
    });
  }

  colorBar(spec) {
    const bar = this.node(`bar ${spec.name}`, () => {
      const node = make("span", "bar-of");
      node.append(...["title", "low", "ramp", "high"].map((part) => make("span", part)));
      return node;
    });
    const rgb = bytesOf(spec.lut);
    const stops = Array.from({ length: 17 }, (_, i) => 3 * Math.round((i * 254) / 16)).map((i) => css(rgb.subarray(i, i + 3)));
    const short = (value) => String(Number(number(value, spec.vmax - spec.vmin))); // 0.8, not 0.800
    const texts = { title: spec.name, low: short(spec.vmin), high: short(spec.vmax) };
    for (const [part, text] of Object.entries(texts)) bar.querySelector(`.${part}`).textContent = text;
    if (spec.unit) bar.querySelector(".high").textContent += ` ${spec.unit}`;
    bar.querySelector(".ramp").style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    return bar;
  }
}
