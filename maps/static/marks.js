// Marks: a shape and a colour from the sprite that `maps/marks.py` draws. Hollow means an assumed position.

export const GREY = "#6b7580";
const SVG = "http://www.w3.org/2000/svg";

let shapes = null;
/** The shapes the sprite holds; an unknown shape is drawn as a circle, never left out. */
export async function knowShapes() {
  const sprite = await (await fetch("/marks.svg")).text();
  shapes = new Set([...sprite.matchAll(/<symbol id="([\w-]+)"/g)].map((found) => found[1]));
}

export function mark({ shape = "circle", colour = GREY } = {}, { hollow = false, label = null } = {}) {
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
