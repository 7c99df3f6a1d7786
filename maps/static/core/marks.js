// Marks: shapes of the sprite that `maps/marks.py` draws, in a colour. A hollow mark means an assumed position.

export const GREY = "#6b7580";
export const SVG = "http://www.w3.org/2000/svg";

/** @type {Map<string, string> | null} */
let shapes = null;

/** Load the shapes of the sprite. Once they are known, an unknown shape is drawn as a circle. */
export async function loadShapes() {
  const sprite = await (await fetch("/marks.svg")).text();
  const symbols = sprite.matchAll(/<symbol id="([\w-]+)" viewBox="[^"]*">(.*)<\/symbol>/g);
  shapes = new Map([...symbols].map(([, name, drawing]) => [name, drawing]));
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
  use.setAttribute("href", `/marks.svg#${!shapes || shapes.has(shape) ? shape : "circle"}`);
  drawing.append(use);
  return drawing;
}

const SOLID = 'fill="currentColor" stroke="#fff" stroke-width="1.5"';
const HOLLOW = 'fill="#fff" stroke="currentColor" stroke-width="2.5"';

/** @type {Map<string, Promise<HTMLImageElement>>} */
const images = new Map();

/**
 * The image of a mark for a canvas; marks that look the same share one.
 * @param {SVGElement} mark
 */
export function markImage(mark) {
  const shape = mark.firstElementChild?.getAttribute("href")?.split("#")[1] ?? "circle";
  const style = mark.classList.contains("hollow") ? HOLLOW : SOLID;
  const attributes = `xmlns="${SVG}" width="28" height="28" viewBox="0 0 24 24" color="${mark.style.color}" ${style}`;
  const source = `<svg ${attributes}>${shapes?.get(shape) ?? ""}</svg>`;
  let image = images.get(source);
  if (!image) {
    const picture = new Image();
    picture.src = `data:image/svg+xml,${encodeURIComponent(source)}`;
    image = picture.decode().then(() => picture);
    images.set(source, image);
  }
  return image;
}
