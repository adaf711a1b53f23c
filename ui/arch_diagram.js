// Makes buttons of a diagram's stages. The drawing comes from Python as SVG; nothing in it is a visitor's text.

const mounted = new WeakMap();

class Diagram {
  constructor(host) {
    this.host = host;
    this.abort = new AbortController();
    const on = (type, act) => host.addEventListener(type, act.bind(this), { signal: this.abort.signal });
    on("click", (event) => this.choose(event.target.closest(".stage")));
    on("keydown", this.key);
  }

  update(data, report) {
    this.report = report;
    if (data.svg !== this.drawn) {
      this.drawn = data.svg;
      const focused = this.host.getRootNode().activeElement?.dataset?.stage;
      const { scrollLeft } = this.host;
      const read = new DOMParser().parseFromString(data.svg, "image/svg+xml");
      this.host.replaceChildren(document.importNode(read.documentElement, true));
      this.stages = [...this.host.querySelectorAll(".stage")];
      this.host.scrollLeft = data.name === this.name ? scrollLeft : 0;
      this.name = data.name;
      const again = this.stages.find((stage) => stage.dataset.stage === focused);
      if (again) again.focus({ preventScroll: true });
    }
    const anew = this.chosen !== data.chosen || this.fresh !== data.svg;
    this.fresh = data.svg;
    this.mark(data.chosen);
    const mine = this.stages.find((stage) => stage.dataset.stage === data.chosen);
    if (anew && mine) this.reveal(mine);
  }

  mark(chosen) {
    // the one that is chosen is pressed, and is where Tab comes to
    this.chosen = chosen;
    let there = false;
    for (const stage of this.stages) {
      const mine = stage.dataset.stage === chosen;
      there ||= mine;
      stage.setAttribute("aria-pressed", String(mine));
      stage.setAttribute("tabindex", mine ? "0" : "-1");
    }
    if (!there && this.stages.length) this.stages[0].setAttribute("tabindex", "0");
  }

  choose(stage) {
    if (!stage || stage.dataset.stage === this.chosen) return;
    this.mark(stage.dataset.stage); // at once; Python follows
    this.report("stage", { name: stage.dataset.stage, serial: Date.now() });
  }

  key(event) {
    const at = this.stages.indexOf(event.target.closest?.(".stage"));
    if (at < 0) return;
    const last = this.stages.length - 1;
    const step = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last };
    if (event.key === "Enter" || event.key === " ") this.choose(this.stages[at]);
    else if (event.key in step) {
      const next = this.stages[Math.min(last, Math.max(0, step[event.key]))];
      for (const stage of this.stages) stage.setAttribute("tabindex", stage === next ? "0" : "-1");
      next.focus({ preventScroll: true });
      this.reveal(next);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  reveal(stage) {
    // within the diagram's own window: the page stays where it is
    const [box, mine] = [this.host.getBoundingClientRect(), stage.getBoundingClientRect()];
    if (mine.left < box.left) this.host.scrollLeft += mine.left - box.left - 8;
    else if (mine.right > box.right) this.host.scrollLeft += mine.right - box.right + 8;
  }

  close() {
    this.abort.abort();
  }
}

export default function (component) {
  const { data, parentElement, setTriggerValue } = component;
  const host = parentElement.querySelector(".diagram");
  if (!mounted.has(host)) mounted.set(host, new Diagram(host));
  const diagram = mounted.get(host);
  const turn = (diagram.turn = (diagram.turn ?? 0) + 1);
  diagram.update(data, setTriggerValue);
  return () => {
    // Streamlit also calls this for a call that a newer one has overtaken
    if (diagram.turn !== turn) return;
    diagram.close();
    mounted.delete(host);
  };
}
