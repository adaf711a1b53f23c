// Pieces of the page. Everything that comes from Python goes in as textContent, never as HTML.

function make(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text !== undefined) node.textContent = text;
  return node;
}

const css = ([r, g, b]) => `rgb(${r}, ${g}, ${b})`;

const percent = (share) => (share > 0 && share < 0.001 ? "< 0.1 %" : `${(100 * share).toFixed(1)} %`);

const stripes = (colors) => {
  const stops = colors.map((color, i) => `${css(color)} ${(100 * i) / colors.length}% ${(100 * (i + 1)) / colors.length}%`);
  return colors.length === 1 ? css(colors[0]) : `linear-gradient(90deg, ${stops.join(", ")})`;
};

function swatch(colors) {
  const node = make("span", "swatch");
  node.style.cssText = `background: ${stripes(colors)}; border-color: transparent`;
  return node;
}
