// The steps: which one is shown, its numbers, and the clock that plays them. Place n, after the last of n steps, is the
// result as Python gave it, with nothing lit.

class Player {
  constructor(owner, root, signal) {
    this.owner = owner;
    this.el = Object.fromEntries(
      ["player", "place", "count", "speed", "caption"].map((name) => [name, root.querySelector(`.${name}`)]),
    );
    this.buttons = Object.fromEntries([...root.querySelectorAll("button[data-do]")].map((node) => [node.dataset.do, node]));
    this.steps = [];
    this.playing = false;
    const on = (target, type, act) => target.addEventListener(type, act, { signal });
    for (const [act, button] of Object.entries(this.buttons)) on(button, "click", () => this.press(act));
    on(this.el.place, "input", () => this.go(Number(this.el.place.value), true));
    on(this.el.speed, "change", () => this.setSpeed(Number(this.el.speed.value)));
    this.el.speed.replaceChildren(...CONSTANTS.speeds.map((speed) => new Option(`${speed} / s`, speed)));
  }

  get state() {
    return this.owner.state;
  }

  update(steps, given) {
    // `given`: the panels' own numbers. The same number of steps: the same place, playing or not
    const { state } = this;
    this.steps = steps;
    this.given = given;
    this.made = null;
    if (state.count !== steps.length) {
      Object.assign(state, { count: steps.length, place: steps.length });
      this.playing = false;
    }
    this.el.player.hidden = this.el.caption.hidden = !steps.length;
    this.el.place.max = steps.length;
    this.el.speed.value = String(state.speed);
  }

  get step() {
    return this.steps[this.state.place] ?? null;
  }

  values() {
    // each panel's numbers at this step: what has changed, step by step, in the numbers as given
    const { place } = this.state;
    if (!this.step) return this.given;
    if (!this.made || this.made.place > place) this.made = { place: -1, values: this.given.map((values) => values.slice()) };
    while (this.made.place < place) {
      this.made.place += 1;
      for (const [panel, [cells, numbers]] of Object.entries(this.steps[this.made.place].values)) {
        cells.forEach((cell, i) => (this.made.values[panel][cell] = numbers[i]));
      }
    }
    return this.made.values;
  }

  // ---- what a person does

  press(act) {
    const { place, count } = this.state;
    if (act === "play") this.toggle();
    else this.go({ first: 0, back: place - 1, forward: place + 1, last: count }[act], true);
  }

  go(place, stop = false) {
    if (stop) this.playing = false;
    this.state.place = Math.min(this.state.count, Math.max(0, place));
    this.owner.show();
  }

  toggle() {
    if (!this.steps.length) return;
    const { state } = this;
    this.playing = !this.playing;
    if (this.playing) {
      if (state.place >= state.count - 1) state.place = 0;
      this.playing = state.count > 1;
      this.last = performance.now();
      requestAnimationFrame(this.tick);
    }
    this.owner.show();
  }

  setSpeed(speed) {
    this.state.speed = speed;
    this.owner.show();
  }

  tick = (now) => {
    // after the last step it stands still there, so that its caption can be read
    if (!this.playing || this.owner.gone) return;
    const between = 1000 / this.state.speed;
    if (now - this.last >= between) {
      this.last = now - this.last > 2 * between ? now : this.last + between;
      this.playing = this.state.place + 1 < this.state.count - 1;
      this.go(this.state.place + 1);
    }
    if (this.playing) requestAnimationFrame(this.tick);
  };

  // ---- what there is to see

  show() {
    const { el, buttons, playing, step } = this;
    const { place, count, speed } = this.state;
    if (!count) return;
    el.place.value = place;
    el.count.textContent = step ? `${place + 1} / ${count}` : "result";
    const caption = step ? step.caption : `The result: all ${count} steps are done.`;
    el.place.setAttribute("aria-valuetext", step ? `step ${place + 1} of ${count}` : "result");
    el.caption.setAttribute("aria-live", playing && speed > 2 ? "off" : "polite"); // nobody can listen that fast
    if (el.caption.textContent !== caption) el.caption.textContent = caption;
    for (const act of ["first", "back"]) buttons[act].disabled = place === 0;
    for (const act of ["forward", "last"]) buttons[act].disabled = place === count;
    buttons.play.dataset.playing = playing;
    buttons.play.setAttribute("aria-label", playing ? "Pause" : "Play");
    buttons.play.title = `${playing ? "Pause" : "Play"} (space)`;
  }
}
