// How large cells are: all panels of a component have the same ones, so that sizes can be compared.

const SIZES = [64, 58, 52, 46, 42, 38, 34, 30, 28]; // px
const TALL = 470; // px that a panel takes at most, as long as its numbers can be read
const BETWEEN = 28; // px from panel to panel, as in grid.css
const NARROW = 84; // px of a panel at least, for the words under it
const FONTS = [9, 20]; // px, least and most
const WIDE = 0.57; // of the font's size: a digit, of the sans-serif fonts there are

function layOut(boards, width) {
  // `longest`: characters of the longest number that a board ever shows
  const least = (board) => Math.ceil(board.longest * WIDE * FONTS[0]) + 5;
  const across = (board, cell) => {
    const [, left, tail] = board.ruler.frame;
    return Math.max(NARROW, board.spec.columns * Math.max(cell, least(board)) + left + tail);
  };
  const beside = (cell) => boards.reduce((sum, board) => sum + across(board, cell), BETWEEN * (boards.length - 1));
  const rows = Math.max(...boards.map((board) => board.spec.rows));
  const low = SIZES.filter((cell) => cell * rows <= TALL || cell <= 30);
  const alone = (cell) => cell <= 46 && boards.every((board) => across(board, cell) <= width);
  const cell = low.find((size) => beside(size) <= width) ?? low.find(alone) ?? low.at(-1);
  for (const board of boards) {
    const own = Math.max(cell, least(board));
    const font = Math.min(FONTS[1], own * 0.36, Math.max(FONTS[0], (own - 5) / (board.longest * WIDE)));
    board.resize(own, font, across(board, cell) > width);
  }
}
