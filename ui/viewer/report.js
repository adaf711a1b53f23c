// Clicks, boxes and brush strokes, in picture pixels, and how they reach Python.

class Reporter extends Panel {
  next() {
    this.serial = Math.max(this.serial + 1, Date.now());
    return this.serial;
  }

  sendClick(at) {
    this.point({ pick: true });
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
    const rectangle = this.state.tool === "rectangle";
    this.stroke = [erase ? -1 : this.state.ink, rectangle ? 0 : this.state.size / 2, rectangle ? [...pixel, ...pixel] : [...pixel]];
    this.dab(0);
  }

  extendStroke([x, y]) {
    if (!this.stroke) return;
    if (!this.stroke[1]) {
      this.stroke[2].splice(2, 2, x, y);
      this.paper.repaint([...this.state.strokes, this.stroke]);
      this.recolor();
      this.show();
      return;
    }
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
      if (this.stroke) {
        this.tell();
        return;
      }
      const { strokes, sent } = this.state;
      sent.add(JSON.stringify(strokes));
      if (sent.size > 100) sent.delete(sent.values().next().value);
      this.report.setStateValue("strokes", { image: this.data.image, list: strokes });
    }, 50);
  }
}
