// Takes the photo in for the viewers. It is an element of its own, because Streamlit sends an element that hasn't
// changed as a mere reference: so a photo crosses the network once, and not with each new layer.

const ID = 24; // characters; the file follows

export default function ({ data }) {
  const id = new TextDecoder().decode(data.subarray(0, ID));
  const entry = shared.photo(id);
  entry.users += 1;
  entry.resolve(new Blob([data.subarray(ID)], { type: data[ID] === 0x89 ? "image/png" : "image/jpeg" }));
  return () => {
    entry.users -= 1;
    if (entry.users === 0) shared.photos.delete(id);
  };
}
