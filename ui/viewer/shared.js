// What outlives a viewer, for all parts on the page; each part begins with this file, and the first to run makes it.

const shared = (window.__seglabViewers ??= {
  states: new Map(), // what a person has set, by the viewer's key
  links: new Map(), // zoom and place, by the name of the link
  photos: new Map(), // { file, resolve, here } by the photo's id: who asks first waits for `file`, a Blob
  sources: new Map(), // the photo's id, by the element that brought it
  photo(id) {
    if (!this.photos.has(id)) {
      const entry = { here: false };
      entry.file = new Promise((resolve) => (entry.resolve = resolve));
      this.photos.set(id, entry);
    }
    return this.photos.get(id);
  },
});
