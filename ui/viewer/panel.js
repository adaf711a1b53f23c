// What shows the state around the canvases: buttons, sliders, divider, legend, the read-out.

class Panel extends Lighting {
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
    el.painting.hidden = !PAINTS.includes(state.tool);
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
    const at = this.aim ?? (this.ghost && view.toCanvas(this.ghost[0] * view.width, this.ghost[1] * view.height));
    const [x, y] = at ? view.toPicture(...at) : [-1, -1];
    const inside = x >= 0 && y >= 0 && x < view.width && y < view.height;
    el.readout.hidden = !inside;
    if (!inside) return;
    const parts = [];
    const spoken = [];
    const shown = this.shown(this.layersAt(at));
    for (const layer of shown) {
      const { text, color, share, note } = layer.fact(x / view.width, y / view.height);
      const named = shown.length > 1 || layer instanceof HeatMap ? `${layer.spec.name}: ${text}` : text;
      if (color) parts.push(swatch([color]));
      parts.push(make("span", "fact", [named, share !== undefined && percent(share), note].filter(Boolean).join(" · ")));
      spoken.push(note ? `${named}, ${note}` : named);
    }
    parts.push(make("span", "at", `x ${Math.floor(x)}, y ${Math.floor(y)}`));
    el.readout.replaceChildren(...parts);
    if (!this.ghost) this.speak(spoken.join(", "));
  }

  layersAt([x]) {
    const { divider, split } = this.state;
    return divider && x < Math.round(split * this.el.base.width) ? this.before : this.layers;
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
}
