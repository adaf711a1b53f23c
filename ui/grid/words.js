// What is said of a cell: lists of [text, class], which become spans; their texts in a row are the sentence.

const ZEROS = 4; // terms that are 0 and written out all the same
const TERMS = 36; // terms written out at most
const NAMED = 12; // cells named at most

const at = (columns, cell) => `(${Math.floor(cell / columns)}, ${cell % columns})`;
const inside = (value) => (value < 0 ? `(${short(value).text})` : short(value).text);
const many = (n, one) => `${n} ${one}${n === 1 ? "" : "s"}`;

function sumOf(board, cell, groups) {
  // board's cell as the sum of its links: `groups` are [links, values of their source]. Weight times number, as in
  // seglab.upsampling.trace.Trace.sum_written, and in the same words but for terms left out.
  const words = [[`${board.spec.title} ${at(board.spec.columns, cell)}`, "what"], [" = "]];
  let [total, exact, n, zeros, left] = [0, true, 0, 0, 0];
  for (const [links, values] of groups) {
    for (const { weight, source } of links) {
      const value = values[source] ?? NaN;
      total += weight * value;
      const [w, v] = [short(Math.abs(weight), true), short(value)];
      exact &&= w.exact && v.exact;
      if (weight * value === 0 && ++zeros > ZEROS) continue;
      if (weight * value !== 0 && n - Math.min(zeros, ZEROS) >= TERMS) {
        left++;
        continue;
      }
      words.push([(n ? [" + ", " − "] : ["", "−"])[Number(weight < 0)]], [w.text, "weight"], ["·"], [inside(value), "number"]);
      n++;
    }
  }
  if (!n) return { words: [words[0], [": nothing reaches it: "], ["0", "total"]], total: 0 };
  if (left) words.push([` … and ${many(left, "more term")}`]);
  if (zeros > ZEROS) words.push([` … and ${many(zeros - ZEROS, "more zero")}`]);
  const result = short(total);
  words.push([exact && result.exact ? " = " : " ≈ "], [result.text, "total"]);
  return { words, total };
}

function goesTo(board, cell, value, links, to) {
  // where a cell goes: each output with the weight that it has there
  const words = [[`${board.spec.title} ${at(board.spec.columns, cell)} = `, "what"], [written(value) || "empty", "number"]];
  if (!links.length) return [...words, [` goes nowhere in ${to.spec.title}.`]];
  words.push([` goes to ${many(links.length, "cell")} of ${to.spec.title}: `]);
  links.slice(0, NAMED).forEach(({ target, weight }, i) => {
    if (i) words.push([", "]);
    words.push([`${at(to.spec.columns, target)} `, "whole"], [`×${times(weight)}`, "weight"]);
  });
  return [...words, [links.length > NAMED ? `, and ${links.length - NAMED} more.` : "."]];
}

function usedBy(board, cell, value, links, from, to) {
  // which links a cell of the kernel is the weight of
  const words = [[`${board.spec.title} ${at(board.spec.columns, cell)} = `, "what"], [written(value), "weight"]];
  if (!links.length) return [...words, [` is not used.`]];
  words.push([` is the weight of ${many(links.length, "link")}: ${from.spec.title} → ${to.spec.title} `]);
  links.slice(0, NAMED).forEach(({ source, target }, i) => {
    if (i) words.push([", "]);
    words.push([`${at(from.spec.columns, source)} → ${at(to.spec.columns, target)}`, "whole"]);
  });
  return [...words, [links.length > NAMED ? `, and ${links.length - NAMED} more.` : "."]];
}

function samples(places, of) {
  // where the points of a cell lie
  const named = places.slice(0, NAMED).map(([y, x]) => `(${coordinate(y)}, ${coordinate(x)})`);
  const more = places.length > NAMED ? `, and ${places.length - NAMED} more` : "";
  return [[`It samples ${of.spec.title} at `], [named.join(", ") + more, "place"], ["."]];
}

function coordinate(value) {
  // thirds and the like as such, 23/34 not
  const { text } = short(value, true);
  return /\/\d\d/.test(text) ? short(value).text : text;
}

const times = (weight) => (weight < 0 ? `(${short(weight, true).text})` : short(weight, true).text);
