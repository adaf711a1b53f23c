// Zoom, pan and pointer, and what linked viewers tell each other of them.

const FLIGHT = 300; // ms to a box that is looked at

class Linked extends Reporter {
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
    this.flight = null;
    this.show();
    const { zoom, cx, cy } = this.state.view;
    if (!this.data.link) return;
    shared.links.set(this.data.link, { zoom, cx, cy });
    this.say({ view: { zoom, cx, cy } });
  }

  say(message) {
    if (this.data.link) shared.say(this.data.link, this, message);
  }

  heard({ link, from, view, cursor, light, look }) {
    if (link !== this.data.link || this.fresh) return;
    if (light !== undefined) {
      this.setLight(light, from === this);
      const { width, height } = this.state.view;
      if (look) this.lookAt(look === "whole" ? [0, 0, width, height] : look);
    } else if (from === this) return;
    else if (view) {
      this.flight = null;
      Object.assign(this.state.view, view);
      this.state.view.clamp();
      this.show();
    } else {
      this.ghost = cursor;
      this.show("over");
      this.read();
    }
  }

  lookAt([x0, y0, x1, y1]) {
    // flies to a box of the picture. All linked viewers find the same way by themselves: only the picture's size counts
    const { view } = this.state;
    const { width, height } = view;
    const room = (size, whole) => Math.max(2 * size, size + Math.min(whole / 5, 120));
    const zoom = Math.max(1, Math.min(width / room(x1 - x0, width), height / room(y1 - y0, height)));
    const from = { zoom: view.zoom, cx: view.cx, cy: view.cy };
    const to = new View();
    Object.assign(to, { zoom, cx: (x0 + x1) / 2 / width, cy: (y0 + y1) / 2 / height });
    to.clamp();
    shared.links.set(this.data.link, { zoom: to.zoom, cx: to.cx, cy: to.cy });
    const began = performance.now();
    const flight = (this.flight = {});
    const time = matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : FLIGHT;
    const step = () => {
      if (this.gone || this.flight !== flight) return; // somebody moves the picture
      const t = time ? Math.min(1, (performance.now() - began) / time) : 1;
      const s = t * t * (3 - 2 * t);
      const now = from.zoom * (to.zoom / from.zoom) ** s;
      // along the straight line on which the box comes nearer as fast as it grows
      const way = to.zoom === from.zoom ? s : (1 / from.zoom - 1 / now) / (1 / from.zoom - 1 / to.zoom);
      const between = (a, b) => a + (b - a) * way;
      Object.assign(view, { zoom: now, cx: between(from.cx, to.cx), cy: between(from.cy, to.cy) });
      view.clamp();
      this.show();
      if (t < 1) requestAnimationFrame(step);
      else this.flight = null;
    };
    step();
  }

  setHover(at, spread = false) {
    if (!at && !this.hover) return;
    this.hover = at;
    this.show("over");
    this.read();
    this.point();
    const { view } = this.state;
    const point = at && view.toPicture(...at);
    if (spread) this.say({ cursor: point && [point[0] / view.width, point[1] / view.height] });
  }

  setCross(at) {
    if (this.cross === at) return;
    this.cross = at;
    this.show("over");
    this.read();
    this.point();
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
}
