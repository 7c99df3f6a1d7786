// Marks: shapes of the sprite that `maps/marks.py` draws, in a colour. A hollow mark means an assumed position.

export const GREY = "#6b7580";
export const SVG = "http://www.w3.org/2000/svg";

/** @type {Set<string> | null} */
let shapes = null;

/**
 * Load the sprite and insert it into the page, so that marks do not request it again and stay without a network. From
 * then on an unknown shape is drawn as a circle.
 */
export async function loadShapes() {
  const sprite = await (await fetch("/marks.svg")).text();
  // eslint-disable-next-line no-restricted-syntax -- the sprite is a constant of the server
  const parsed = new DOMParser().parseFromString(sprite, "image/svg+xml");
  const drawing = document.importNode(parsed.documentElement, true);
  const symbols = [...drawing.querySelectorAll("symbol")];
  shapes = new Set(symbols.map(({ id }) => id));
  for (const symbol of symbols) symbol.id = `mark-${symbol.id}`; // the page has elements with other ids, such as “place”
  drawing.setAttribute("class", "sprite");
  drawing.setAttribute("aria-hidden", "true");
  document.body.append(drawing);
}

/**
 * A mark as an SVG element.
 * @param {Mark} [mark]
 * @param {{ hollow?: boolean, label?: string | null }} [options] A mark without a label is hidden from screen readers.
 */
export function markElement({ shape = "circle", colour = GREY } = {}, { hollow = false, label = null } = {}) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", hollow ? "mark hollow" : "mark");
  drawing.style.color = colour;
  if (label) {
    drawing.setAttribute("role", "img");
    drawing.setAttribute("aria-label", label);
  } else drawing.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", shapes ? `#mark-${shapes.has(shape) ? shape : "circle"}` : `/marks.svg#${shape}`);
  drawing.append(use);
  return drawing;
}
