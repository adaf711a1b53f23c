// Mouse, pen, fingers, wheel and keys, turned into what the viewer can do. One pointer uses the active tool, two
// pointers zoom and move whatever the tool.

const PAINTS = ["brush", "eraser", "rectangle"]; // the tools that make strokes
const SLACK = { mouse: 4, pen: 6, touch: 10 }; // CSS pixels a press may wander and still be a click

class Input {
  constructor(viewer, signal) {
    this.viewer = viewer;
    this.pointers = new Map();
    this.gesture = null;
    this.engaged = false; // pressed since the pointer came in: from then on the wheel zooms instead of scrolling
    this.hints = 0;
    const { base, split } = viewer.el;
    const on = (target, type, act, options) => target.addEventListener(type, act.bind(this), { signal, ...options });
    on(base, "pointerdown", this.down);
    on(base, "pointermove", this.move);
    on(base, "pointerup", this.up);
    on(base, "pointercancel", this.cancel);
    on(base, "pointerleave", this.leave);
    on(base, "wheel", this.wheel, { passive: false });
    on(base, "keydown", this.key);
    on(base, "blur", () => viewer.setCross(null));
    on(split, "pointerdown", (e) => split.setPointerCapture(e.pointerId));
    on(split, "pointermove", (e) => split.hasPointerCapture(e.pointerId) && viewer.setSplit(this.place(e)[0] / base.width));
    on(split, "keydown", this.splitKey);
  }

  place(event) {
    const { base } = this.viewer.el;
    const box = base.getBoundingClientRect();
    const [kx, ky] = [base.width / box.width, base.height / box.height];
    return [(event.clientX - box.left) * kx, (event.clientY - box.top) * ky];
  }

  down(event) {
    if (event.pointerType === "mouse" && event.button > 1) return;
    const { viewer } = this;
    const at = this.place(event);
    viewer.el.base.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, at);
    this.engaged = true;
    viewer.setCross(null);
    viewer.setHover(at, true);
    if (this.pointers.size === 2) {
      this.drop();
      this.gesture = { kind: "pinch" };
    } else if (this.pointers.size === 1) {
      const tool = event.button === 1 ? "pan" : viewer.state.tool;
      const pixel = viewer.pixel(at);
      this.gesture = { kind: tool, from: at, last: at, pixel, moved: false };
      if (PAINTS.includes(tool)) viewer.startStroke(pixel, tool === "eraser");
    }
  }

  move(event) {
    const { viewer, gesture } = this;
    const at = this.place(event);
    viewer.setCross(null);
    viewer.setHover(at, true);
    if (!this.pointers.has(event.pointerId) || !gesture) return;
    const slack = SLACK[event.pointerType] ?? 4;
    if (gesture.kind === "pinch") {
      const before = spread(this.pointers);
      this.pointers.set(event.pointerId, at);
      const after = spread(this.pointers);
      viewer.pinch(after.length / before.length, before.middle, after.middle);
      return;
    }
    this.pointers.set(event.pointerId, at);
    gesture.moved ||= Math.hypot(at[0] - gesture.from[0], at[1] - gesture.from[1]) > slack * viewer.ratio;
    if (PAINTS.includes(gesture.kind)) {
      const steps = event.getCoalescedEvents?.() ?? [];
      for (const step of steps.length ? steps : [event]) viewer.extendStroke(viewer.pixel(this.place(step)));
    } else if (gesture.kind === "box") {
      if (gesture.moved) viewer.setBox(gesture.pixel, viewer.pixel(at));
    } else if (gesture.moved) {
      viewer.el.base.dataset.dragging = "";
      viewer.pan(at[0] - gesture.last[0], at[1] - gesture.last[1]);
      gesture.last = at;
    }
  }

  up(event) {
    const { viewer, gesture } = this;
    if (!this.pointers.delete(event.pointerId)) return;
    delete viewer.el.base.dataset.dragging;
    if (gesture?.kind === "pinch") {
      if (this.pointers.size === 0) this.gesture = null; // the finger that stays does nothing until it lifts
      return;
    }
    this.gesture = null;
    if (gesture?.kind === "box" && gesture.moved) viewer.sendBox();
    else if (PAINTS.includes(gesture?.kind)) viewer.endStroke();
    else if (gesture?.kind === "pan" && !gesture.moved && event.button !== 1) this.tap(gesture.from);
  }

  tap(at) {
    const { viewer } = this;
    const [now, last] = [performance.now(), this.lastTap];
    const near = last && now - last.time < 350 && Math.hypot(at[0] - last.at[0], at[1] - last.at[1]) < 12 * viewer.ratio;
    this.lastTap = near ? null : { time: now, at };
    if (near) viewer.whole();
    else viewer.sendClick(at);
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    this.drop();
  }

  drop() {
    // gives up the gesture under way, e.g. because a second finger came down
    const kind = this.gesture?.kind;
    if (PAINTS.includes(kind)) this.viewer.dropStroke();
    if (kind === "box" && this.gesture.moved) this.viewer.setBox(null);
    delete this.viewer.el.base.dataset.dragging;
    this.gesture = null;
  }

  leave(event) {
    if (this.pointers.has(event.pointerId)) return;
    this.engaged = false;
    if (event.pointerType !== "touch") this.viewer.setHover(null, true);
  }

  wheel(event) {
    const { viewer } = this;
    const zooming = event.ctrlKey || event.metaKey;
    if (!zooming && !this.engaged) {
      if (this.hints++ < 2) viewer.hint("Click the picture, or hold Ctrl, to zoom with the wheel");
      return;
    }
    if (!zooming && event.deltaY > 0 && viewer.state.view.zoom === 1) return; // already whole: the page scrolls on
    event.preventDefault();
    const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
    const pinching = event.ctrlKey && Math.abs(pixels) < 50; // a trackpad's pinch comes as small steps with Ctrl
    viewer.zoom(Math.exp(-pixels * (pinching ? 0.01 : 0.002)), this.place(event));
  }

  splitKey(event) {
    const step = { ArrowLeft: -0.02, ArrowDown: -0.02, ArrowRight: 0.02, ArrowUp: 0.02, Home: -1, End: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.viewer.setSplit(this.viewer.state.split + step);
  }

  key(event) {
    const { viewer } = this;
    if (event.altKey || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() !== "z")) return;
    const painting = viewer.data.tools.includes("brush");
    const arrow = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const acts = {
      "+": () => viewer.zoom(1.25, viewer.cross),
      "=": () => viewer.zoom(1.25, viewer.cross),
      "-": () => viewer.zoom(0.8, viewer.cross),
      _: () => viewer.zoom(0.8, viewer.cross),
      0: () => viewer.whole(),
      " ": () => viewer.toggle("divider"),
      o: () => viewer.toggle("outlines"),
      v: () => viewer.useTool("pan"),
      x: viewer.data.tools.includes("box") && (() => viewer.useTool("box")),
      b: painting && (() => viewer.useTool("brush")),
      e: painting && (() => viewer.useTool("eraser")),
      r: painting && (() => viewer.useTool("rectangle")),
      "[": painting && (() => viewer.setSize(Math.ceil(viewer.state.size / 1.25) - 1)),
      "]": painting && (() => viewer.setSize(Math.floor(viewer.state.size * 1.25) + 1)),
      Enter: () => this.enter(),
      Escape: () => this.escape(),
    };
    let act = acts[event.key] || acts[event.key.toLowerCase()];
    if (event.ctrlKey || event.metaKey) act = painting && !event.shiftKey && (() => viewer.undo());
    if (arrow) act = () => viewer.steer(...arrow, event.shiftKey);
    if (!act) return;
    event.preventDefault();
    act();
  }

  enter() {
    const { viewer } = this;
    const at = viewer.cross ?? viewer.middle();
    viewer.setCross(at);
    const pixel = viewer.pixel(at);
    const { tool } = viewer.state;
    if (tool === "rectangle") {
      // the first press sets a corner, the second one the opposite corner
      viewer.startStroke(this.corner ?? pixel, false);
      viewer.extendStroke(pixel);
      if (this.corner) viewer.endStroke();
      else viewer.dropStroke();
      this.corner = this.corner ? null : pixel;
    } else if (tool === "brush" || tool === "eraser") {
      viewer.startStroke(pixel, tool === "eraser");
      viewer.endStroke();
    } else if (tool === "box") {
      viewer.setBox(this.corner ?? pixel, pixel);
      if (this.corner) viewer.sendBox();
      this.corner = this.corner ? null : pixel;
    } else {
      viewer.sendClick(at);
    }
  }

  escape() {
    this.corner = null;
    this.drop();
    this.viewer.setBox(null);
    this.viewer.showHelp(false);
    this.viewer.letGo();
  }
}

function spread(pointers) {
  const [a, b] = [...pointers.values()];
  return { length: Math.max(1, Math.hypot(a[0] - b[0], a[1] - b[1])), middle: [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2] };
}
