// Lit segments: a bright line around them, and the rest of the picture dimmed. On a canvas of their own, so that the
// pointer's way redraws nothing but what it lights. The twin in a table is table.js.

const RINGS = [["#000", 4.5], ["#000", 3.5], ["#fff", 2.5], ["#fff", 1.25]]; // from outside in, CSS pixels
const AROUND = Array.from({ length: 8 }, (_, i) => [Math.cos((i * Math.PI) / 4), Math.sin((i * Math.PI) / 4)]);

class Lighting extends Drawing {
  get aim() {
    return this.cross ?? this.hover; // on the canvas
  }

  point(more) {
    // lights in all that is linked what is under the pointer or the cross-hair, once for each change
    const { link } = this.data;
    if (!link || this.fresh || this.stroke) return;
    const light = this.aim && this.lightAt(this.aim);
    const text = JSON.stringify(light);
    if (text === this.pointed && !more) return;
    if (!light && !this.pointed) return;
    this.pointed = light && text;
    shared.light(link, this, light, more);
  }

  lightAt(at) {
    // the segment of the topmost layer that has one there, and what its entry says is the same elsewhere
    const { view } = this.state;
    const [x, y] = view.toPicture(...at);
    if (x < 0 || y < 0 || x >= view.width || y >= view.height) return null;
    for (const layer of this.shown(this.layersAt(at)).reverse()) {
      if (!(layer instanceof Regions)) continue;
      const k = layer.values[layer.at(x / view.width, y / view.height)];
      const more = layer.clear(k) ? null : layer.lightsOf(k);
      if (more) return { ...more, [layer.spec.name]: [k, ...(more[layer.spec.name] ?? [])] };
    }
    return null;
  }

  setLight(light, own) {
    // `own`: pointed at in this very picture, which then isn't dimmed
    Object.assign(this, { lit: light, own });
    this.show("light");
  }

  letGo() {
    const { link } = this.data;
    if (link && shared.held.has(link)) shared.hold(link, this, null);
  }

  litParts() {
    // [mask, x, y, w, h, from, to]: where each lit segment lies on the canvas, and the side it is on
    const { view } = this.state;
    const parts = [];
    const sides = this.lit ? this.sides() : [];
    // what lies behind a divider that isn't shown can be pointed out all the same: a true object that nobody found
    if (this.lit && !this.state.divider) sides.push([this.before, 0, this.el.base.width]);
    for (const [layers, from, to] of sides) {
      for (const layer of this.shown(layers)) {
        if (!(layer instanceof Regions)) continue;
        const [kx, ky] = [(view.width * view.scale) / layer.w, (view.height * view.scale) / layer.h];
        for (const k of this.lit[layer.spec.name] ?? []) {
          const mask = layer.mask(k);
          if (!mask) continue;
          const { canvas } = mask;
          parts.push([canvas, view.left + mask.x * kx, view.top + mask.y * ky, canvas.width * kx, canvas.height * ky, from, to]);
        }
      }
    }
    return parts;
  }

  drawLight() {
    const { light: target } = this.el;
    const { scratch, ratio } = this;
    const { view } = this.state;
    const context = target.getContext("2d");
    const parts = this.litParts();
    if (parts.length === 0 && !target.hasAttribute("data-lit")) return;
    context.clearRect(0, 0, target.width, target.height);
    target.toggleAttribute("data-lit", parts.length > 0);
    if (parts.length === 0) return;
    const shape = scratch.getContext("2d");
    shape.clearRect(0, 0, scratch.width, scratch.height);
    for (const [mask, x, y, w, h, from, to] of parts) {
      shape.save();
      shape.beginPath();
      shape.rect(from, 0, to - from, scratch.height);
      shape.clip();
      shape.imageSmoothingEnabled = w < mask.width;
      shape.drawImage(mask, x, y, w, h);
      shape.restore();
    }
    if (!this.own) {
      context.fillStyle = "#000a";
      context.fillRect(view.left, view.top, view.width * view.scale, view.height * view.scale);
    }
    // only where they are: a small one costs little
    const edge = (values, least, most) => Math.round(Math.min(most, Math.max(least, values)));
    const x0 = edge(Math.min(...parts.map(([, x]) => x)) - 1, 0, target.width);
    const y0 = edge(Math.min(...parts.map(([, , y]) => y)) - 1, 0, target.height);
    const w = edge(Math.max(...parts.map(([, x, , wide]) => x + wide)) + 1, 0, target.width) - x0;
    const h = edge(Math.max(...parts.map(([, , y, , high]) => y + high)) + 1, 0, target.height) - y0;
    if (w <= 0 || h <= 0) return; // all of them out of sight
    const stamp = (dx, dy) => context.drawImage(scratch, x0, y0, w, h, x0 + dx, y0 + dy, w, h);
    context.imageSmoothingEnabled = false; // and whole pixels below: a tenth of the time where there is no GPU
    shape.globalCompositeOperation = "source-atop";
    for (const [color, width] of RINGS) {
      shape.fillStyle = color;
      shape.fillRect(x0, y0, w, h);
      for (const [dx, dy] of AROUND) stamp(Math.round(dx * width * ratio), Math.round(dy * width * ratio));
    }
    shape.globalCompositeOperation = "source-over";
    context.globalCompositeOperation = "destination-out";
    stamp(0, 0);
    context.globalCompositeOperation = "source-over";
  }
}
