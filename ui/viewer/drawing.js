// What is on the canvases: below the photo and the layers, then what is lit (light.js), above it what follows the
// pointer.

function hatchTile(ratio) {
  // one tile of diagonal lines, dark beside light, that fits itself on all sides
  const n = Math.round(10 * ratio);
  const tile = Object.assign(document.createElement("canvas"), { width: n, height: n });
  const context = tile.getContext("2d");
  for (const [color, width, shift] of [["#000", 2.5, 0], ["#fff", 1.5, 2 * ratio]]) {
    Object.assign(context, { strokeStyle: color, lineWidth: width * ratio });
    context.beginPath();
    for (const k of [-n, 0, n]) {
      context.moveTo(k + shift - n, 2 * n);
      context.lineTo(k + shift + 2 * n, -n);
    }
    context.stroke();
  }
  return tile;
}

class Drawing {
  resize() {
    const { base, light, over, stage } = this.el;
    const box = stage.getBoundingClientRect();
    if (!box.width || !box.height) return;
    this.ratio = Math.min(2, window.devicePixelRatio || 1); // more than two device pixels only cost time
    const size = { width: Math.round(box.width * this.ratio), height: Math.round(box.height * this.ratio) };
    if (base.width !== size.width || base.height !== size.height) {
      for (const canvas of [base, light, over, this.scratch]) Object.assign(canvas, size);
    }
    Object.assign(this.state.view, { canvasWidth: size.width, canvasHeight: size.height });
    this.state.view.clamp();
    this.cross = null;
    if (!this.fresh) this.draw(); // at once: setting a canvas's size has cleared it
  }

  show(...what) {
    // draw once in the next frame, whatever was asked for until then: "over", "light", or all
    for (const part of what.length ? what : ["base"]) this.wanted.add(part);
    this.pending ||= requestAnimationFrame(() => {
      this.pending = 0;
      if (this.gone || this.fresh) return;
      if (this.wanted.has("base")) this.draw();
      else {
        if (this.wanted.has("light")) this.drawLight();
        this.drawOver();
      }
      this.wanted.clear();
    });
  }

  recolor() {
    for (const layer of [...this.layers, ...this.before]) {
      if (layer instanceof Regions) layer.recolor(this.state.hidden);
    }
  }

  draw() {
    const { view } = this.state;
    const { base } = this.el;
    const context = base.getContext("2d");
    context.clearRect(0, 0, base.width, base.height);
    if (this.photo) this.stretch(context, this.photo, view.scale * view.width < 2 * this.photo.width);
    for (const side of this.sides()) this.drawLayers(context, ...side);
    this.drawLight();
    this.drawOver();
    this.panel();
  }

  sides() {
    // [layers, from, to] left and right of the divider, in canvas pixels
    const { divider, split } = this.state;
    const { width } = this.el.base;
    const cut = divider ? Math.round(split * width) : 0;
    return [[this.before, 0, cut], [this.layers, cut, width]].filter(([, from, to]) => to > from);
  }

  shown(layers) {
    return layers.filter((layer) => !this.state.off.has(layer.spec.name));
  }

  drawLayers(context, layers, from, to) {
    const { opacity, outlines, view } = this.state;
    context.save();
    context.beginPath();
    context.rect(from, 0, to - from, this.el.base.height);
    context.clip();
    const shown = this.shown(layers);
    const shrink = (layer) => layer.w / (view.scale * view.width); // layer pixels per canvas pixel
    context.globalAlpha = opacity;
    for (const layer of shown) {
      // never mix two classes' colours; a heat map may be smoothed where it is made smaller
      this.stretch(context, layer.canvas, layer instanceof HeatMap && shrink(layer) > 1);
    }
    context.globalAlpha = Math.min(1, 2 * opacity);
    for (const layer of shown) if (layer.hatching) this.drawHatching(context, layer);
    context.globalAlpha = 1;
    for (const layer of outlines ? shown : []) {
      if (!(layer instanceof Regions)) continue;
      if (shrink(layer) < 0.3) {
        this.drawEdges(context, layer);
        continue;
      }
      const width = Math.max(1, Math.round(shrink(layer) * this.ratio));
      this.stretch(context, layer.outlines(width), shrink(layer) > 1);
    }
    context.restore();
  }

  drawHatching(context, layer) {
    // lines of the screen, as wide at any zoom, that move with the picture
    const { view } = this.state;
    const { scratch } = this;
    const lines = scratch.getContext("2d");
    lines.clearRect(0, 0, scratch.width, scratch.height);
    this.stretch(lines, layer.hatching, false);
    const pattern = lines.createPattern(hatchTile(this.ratio), "repeat");
    pattern.setTransform(new DOMMatrix([1, 0, 0, 1, view.left, view.top]));
    Object.assign(lines, { globalCompositeOperation: "source-in", fillStyle: pattern });
    lines.fillRect(0, 0, scratch.width, scratch.height);
    lines.globalCompositeOperation = "source-over";
    context.drawImage(scratch, 0, 0);
  }

  drawEdges(context, layer) {
    // thin lines between large pixels, of the part that can be seen
    const { view } = this.state;
    const { base } = this.el;
    const [kx, ky] = [(view.width * view.scale) / layer.w, (view.height * view.scale) / layer.h];
    const [x0, y0] = [Math.floor(-view.left / kx) - 1, Math.floor(-view.top / ky) - 1];
    const edges = layer.edges(x0, y0, x0 + Math.ceil(base.width / kx) + 3, y0 + Math.ceil(base.height / ky) + 3);
    const path = new Path2D();
    path.addPath(edges, new DOMMatrix([kx, 0, 0, ky, view.left, view.top]));
    context.lineCap = "square";
    for (const [color, width] of [["#000b", 4], ["#fff", 2]]) {
      Object.assign(context, { strokeStyle: color, lineWidth: width * this.ratio });
      context.stroke(path);
    }
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
}
