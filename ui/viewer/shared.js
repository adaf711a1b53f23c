// What outlives a viewer, for all parts on the page; each part begins with this file, and the first to run makes it.

const BUS = "seglab-viewer"; // one window event for all links: { link, from, view | cursor | light, look, pick }

const shared = (window.__seglabViewers ??= {
  viewer: null, // what mounts and updates a viewer, once its code is here
  code: null, // the promise of it, and `arrived`, which keeps it
  states: new Map(), // what a person has set, by the viewer's key
  links: new Map(), // zoom and place, by the name of the link
  photos: new Map(), // { file, resolve, here } by the photo's id: who asks first waits for `file`, a Blob
  sources: new Map(), // the photo's id, by the element that brought it
  lit: new Map(), // what is lit, { layer's name: [ids] }, by the name of the link
  held: new Map(), // what stays lit when nothing is pointed at, likewise
  photo(id) {
    if (!this.photos.has(id)) {
      const entry = { here: false };
      entry.file = new Promise((resolve) => (entry.resolve = resolve));
      this.photos.set(id, entry);
    }
    return this.photos.get(id);
  },
  say(link, from, message) {
    window.dispatchEvent(new CustomEvent(BUS, { detail: { link, from, ...message } }));
  },
  light(link, from, wanted, more) {
    // null: what is held, or nothing
    const light = wanted ?? this.held.get(link) ?? null;
    this.lit.set(link, light);
    this.say(link, wanted ? from : null, { light, ...more });
  },
  hold(link, from, light, more) {
    // until another is held, or null
    if (light) this.held.set(link, light);
    else this.held.delete(link);
    this.light(link, from, light, more);
  },
});
shared.code ??= new Promise((resolve) => (shared.arrived = resolve));
