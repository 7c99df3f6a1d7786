// Marks: a shape and a colour from the sprite that `maps/marks.py` draws. Hollow means an assumed position.

export const GREY = "#6b7580";
const SVG = "http://www.w3.org/2000/svg";

let shapes = null;
/** The shapes the sprite holds; an unknown shape is drawn as a circle, never left out. */
export async function knowShapes() {
  const sprite = await (await fetch("/marks.svg")).text();
  shapes = new Map([...sprite.matchAll(/<symbol id="([\w-]+)" viewBox="[^"]*">(.*)<\/symbol>/g)].map(([, name, drawing]) => [name, drawing]));
}

const images = new Map();
/** A mark as an image, for a canvas; the same for the same shape, colour and hollowness. */
export function image(drawn) {
  const shape = drawn.firstChild.getAttribute("href").split("#")[1];
  const hollow = drawn.classList.contains("hollow") ? 'fill="#fff" stroke="currentColor" stroke-width="2.5"' : 'fill="currentColor" stroke="#fff" stroke-width="1.5"';
  const text = `<svg xmlns="${SVG}" width="28" height="28" viewBox="0 0 24 24" color="${drawn.style.color}" ${hollow}>${shapes?.get(shape) ?? ""}</svg>`;
  if (!images.has(text)) {
    const picture = new Image();
    picture.src = `data:image/svg+xml,${encodeURIComponent(text)}`;
    images.set(text, picture.decode().then(() => picture));
  }
  return images.get(text);
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
