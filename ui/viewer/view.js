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
    // The picture always covers the place that it has when it is whole; so zooming in never has to shift it.
    const half = 1 / (2 * this.zoom);
    this.cx = Math.min(1 - half, Math.max(half, this.cx));
    this.cy = Math.min(1 - half, Math.max(half, this.cy));
  }

  whole() {
    Object.assign(this, { zoom: 1, cx: 0.5, cy: 0.5 });
  }
}
