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
    const [x, y] = this.toPicture(px, py);
    const most = Math.max(8, 40 / this.fit);
    this.zoom = Math.min(most, Math.max(1, this.zoom * factor));
    this.cx = (x - (px - this.canvasWidth / 2) / this.scale) / this.width;
    this.cy = (y - (py - this.canvasHeight / 2) / this.scale) / this.height;
    this.clamp();
  }

  panBy(dx, dy) {
    // moves the picture by dx, dy; returns what the borders left of that
    const [left, top] = [this.left, this.top];
    this.cx -= dx / (this.width * this.scale);
    this.cy -= dy / (this.height * this.scale);
    this.clamp();
    return [dx - (this.left - left), dy - (this.top - top)];
  }

  clamp() {
    // no empty border beside a picture that could fill it
    const half = (canvas, size) => Math.min(0.5, canvas / (2 * size * this.scale));
    const x = half(this.canvasWidth, this.width);
    const y = half(this.canvasHeight, this.height);
    this.cx = Math.min(1 - x, Math.max(x, this.cx));
    this.cy = Math.min(1 - y, Math.max(y, this.cy));
  }

  whole() {
    Object.assign(this, { zoom: 1, cx: 0.5, cy: 0.5 });
  }
}
