// What outlives a grid, for all grids on the page; each part begins with this file, and the first to run makes it.

const shared = (window.__seglabGrids ??= {
  mount: null, // what mounts and updates a grid, once its code is here
  code: null, // the promise of it, and `arrived`, which keeps it
  states: new Map(), // what a person has set, by the grid's key
});
shared.code ??= new Promise((resolve) => (shared.arrived = resolve));
