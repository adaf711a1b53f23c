// Takes the photo, or a layer's ids, in for the viewers. It is an element of its own, because Streamlit sends an element
// that hasn't changed as a mere reference: so it doesn't cross the network again with each new layer.

const ID = 24; // characters; the file follows

export default function ({ data, parentElement }) {
  const id = new TextDecoder().decode(data.subarray(0, ID));
  const entry = shared.photo(id);
  entry.resolve(new Blob([data.subarray(ID)], { type: data[ID] === 0x89 ? "image/png" : "image/jpeg" }));
  entry.here = true;
  // Streamlit doesn't tell an element that its photo is replaced by another: so look which are still shown.
  shared.sources.set(parentElement, id);
  for (const element of shared.sources.keys()) if (!element.isConnected) shared.sources.delete(element);
  const used = new Set(shared.sources.values());
  for (const [key, { here }] of shared.photos) if (here && !used.has(key)) shared.photos.delete(key);
}
