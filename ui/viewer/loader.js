// Stands in the viewer's element and waits for its code, which comes in an element of its own: Streamlit sends a
// component's JavaScript again whenever its data changes, but an element that hasn't changed as a mere reference.

export default function (component) {
  let close = null;
  let over = false;
  const begin = (viewer) => {
    if (!over) close = viewer(component);
  };
  if (shared.viewer) begin(shared.viewer);
  else shared.code.then(begin);
  return () => {
    over = true;
    close?.();
  };
}
