// Numbers as people read and write them, and the colours that stand for them.

const MINUS = "\u2212";
const minus = (text) => text.replaceAll("-", MINUS);
const close = (a, b) => Math.abs(a - b) <= 1e-12 * Math.max(1, Math.abs(b));

// The twin of seglab.upsampling.trace.short: four decimals at most, or a fraction of small numbers, and whether that is
// the number itself. The texts are the same.
function short(value, fractions = false) {
  if (Number.isNaN(value)) return { text: "?", exact: false };
  let text = decimals(value).replace(/\.?0+$/, "");
  if (Number(text) === 0) text = Math.abs(value) > 1e-12 ? power(value) : "0";
  let exact = close(Number(text), value);
  if (fractions && !exact) {
    for (let d = 1; d < 100 && !exact; d++) {
      const n = Math.round(value * d);
      if (close(n / d, value)) [text, exact] = [`${n}/${d}`, true];
    }
  }
  return { text: minus(text), exact };
}

function decimals(value) {
  // like Python, halves go to the even neighbour; only a thirty-second can end in such a half
  const last = Math.floor(Math.abs(value) * 1e4);
  const half = Number.isInteger(value * 32) && Math.abs(value * 1e4) - last === 0.5;
  if (!half) return value.toFixed(4);
  return (Math.sign(value) * ((last + (last % 2)) / 1e4)).toFixed(4);
}

function power(value) {
  const [digits, exponent] = value.toExponential(1).split("e");
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

// What stands in a cell: four significant digits at most, but whole numbers whole as long as they fit.
function written(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  if (size < 1e-12) return "0";
  if (size < 5e-5) return minus(value.toExponential(0));
  if (size >= 1e5) return minus(value.toExponential(2).replace("+", ""));
  if (size >= 1000 || Number.isInteger(value)) return minus(String(Math.round(value)));
  return minus(String(Number(size < 1 ? value.toFixed(4) : value.toPrecision(4))));
}

// A number that somebody typed, also as 0,5 or 1/3; else the sentence that says what is wanted.
function typed(text) {
  const plain = text.trim().replaceAll(MINUS, "-").replace(",", ".");
  const decimal = String.raw`[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?`;
  const [, above, below] = plain.match(new RegExp(`^(${decimal})(?:\\s*/\\s*(${decimal}))?$`)) ?? [];
  const value = Number(above) / Number(below ?? 1);
  const { limit } = CONSTANTS;
  if (above === undefined || !Number.isFinite(value) || Math.abs(value) > limit) {
    const got = text.length > 20 ? `${text.slice(0, 20)}…` : text;
    return { wrong: `A cell takes a number from ${MINUS}${limit} to ${limit}, such as 2.5 or 1/3; got “${got}”.` };
  }
  return { value: value + 0 }; // no −0
}

// ---- colours

const luminance = (rgb) => {
  const [r, g, b] = rgb.map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};

const colors = Object.fromEntries(
  Object.entries(CONSTANTS.maps).map(([name, text]) => {
    const bytes = unpack(text, Uint8Array);
    const steps = Array.from({ length: bytes.length / 3 }, (_, i) => Array.from(bytes.slice(3 * i, 3 * i + 3)));
    return [name, steps.map((rgb) => [css(rgb), luminance(rgb) > 0.179 ? "#000" : "#fff"])]; // the greater contrast
  }),
);

function colorOf(value, { low, high, signed }) {
  // the colour of a cell and of the number on it
  const table = colors[signed ? "signed" : "heat"];
  const level = Math.round(((table.length - 1) * (value - low)) / (high - low));
  return table[Math.min(table.length - 1, Math.max(0, level))];
}

function unpack(text, Type) {
  return new Type(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
}
