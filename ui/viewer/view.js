// Where the picture lies on the canvas: a zoom (1 = the whole picture fits) and the point of the picture (as fractions
// of its width and height) at the middle of the canvas. Canvas positions are in device pixels.

class View {
  constructor() {
    Object.assign(this, { zoom: 1, cx: 0.5, cy: 0.5, width: 1, height: 1, canvasWidth: 1, canvasHeight: 1 });
  }

  get fit() {
    return Math.min(this.canvasWidth / this.width, this.canvasHeight / this.height);
  }

  get scale() {
    return this.fit * this.zoom; // device pixels per picture pixel
  }

  get left() {
    return Math.round(this.canvasWidth / 2 - this.cx * this.width * this.scale);
  }

  get top() {
    return Math.round(this.canvasHeight / 2 - this.cy * this.height * this.scale);
  }

  toPicture(px, py) {
    return [(px - this.left) / this.scale, (py - this.top) / this.scale];
  }

  toCanvas(x, y) {
    return [this.left + x * this.scale, this.top + y * this.scale];
  }

  zoomAt(factor, px, py) {
    // the point of the picture under px, py stays there
    const [dx, dy] = [px - this.canvasWidth / 2, py - this.canvasHeight / 2];
    const x = this.cx + dx / (this.width * this.scale);
    const y = this.cy + dy / (this.height * this.scale);
    const most = Math.max(8, 40 / this.fit);
    this.zoom = Math.min(most, Math.max(1, this.zoom * factor));
    this.cx = x - dx / (this.width * this.scale);
    this.cy = y - dy / (this.height * this.scale);
    this.clamp();
  }

  panBy(dx, dy) {
    // moves the picture by dx, dy; returns what the borders left of that
    const { cx, cy } = this;
    const [w, h] = [this.width * this.scale, this.height * this.scale];
    this.cx -= dx / w;
    this.cy -= dy / h;
    this.clamp();
    return [dx - (cx - this.cx) * w, dy - (cy - this.cy) * h];
  }

  clamp() {
    // A picture larger than the canvas leaves no empty border, a smaller one stays inside; the whole one is centred.
    const bound = (at, canvas, size) => {
      if (this.zoom === 1) return 0.5;
      const half = canvas / (2 * size * this.scale);
      return Math.min(Math.max(half, 1 - half), Math.max(Math.min(half, 1 - half), at));
    };
    this.cx = bound(this.cx, this.canvasWidth, this.width);
    this.cy = bound(this.cy, this.canvasHeight, this.height);
  }

  whole() {
    Object.assign(this, { zoom: 1, cx: 0.5, cy: 0.5 });
  }
}
