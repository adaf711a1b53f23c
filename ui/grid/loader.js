// Stands in the grid's element and waits for its code, which comes in an element of its own: Streamlit sends a
// component's JavaScript again whenever its data changes, but an element that hasn't changed as a mere reference.

export default function (component) {
  let close = null;
  let over = false;
  const begin = (mount) => {
    if (!over) close = mount(component);
  };
  if (shared.mount) begin(shared.mount);
  else shared.code.then(begin);
  return () => {
    over = true;
    close?.();
  };
}
