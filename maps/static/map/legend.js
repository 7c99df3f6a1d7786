// What is drawn, by shape, colour and word, with how many of each; and which layers are drawn.

import { card, fieldOf, markOf } from "../core/labels.js";
import { h, number, said, say } from "../core/page.js";
import { EVERY_NUMBER } from "./overlays.js";
import { mark } from "../core/marks.js";

const SVG = "http://www.w3.org/2000/svg";

/** The legend of the current tab first, then of the other layers on the map, words in use only. */
export function drawLegend(board, view, overlays) {
  const shown = [view.tab, ...view.layers].filter((layer, at, all) => all.indexOf(layer) === at && overlays.state(layer));
  const parts = [];
  for (const layer of shown) {
    const seen = overlays.state(layer).crowd?.seen();
    const rows = seen ? seen.things.filter((thing) => !thing.properties.count) : overlays.rows(layer);
    const codes = fieldOf(layer, card(layer)?.drawn_by)?.codes ?? [];
    const counts = new Map();
    for (const { properties } of rows) counts.set(properties[card(layer).drawn_by], (counts.get(properties[card(layer).drawn_by]) ?? 0) + 1);
    const whole = layer === view.tab && codes.length <= 5;
    const lines = codes.filter((code) => whole || counts.get(code.value)).map((code) => {
      const n = counts.get(code.value) ?? 0;
      return h("li", { className: n ? "" : "zero" }, mark(code.mark ?? {}), said(code.title), seen?.counts ? null : h("span", { className: "n" }, number(n)));
    });
    const wordless = seen?.counts ? [] : rows.filter((row) => !codes.some((code) => code.value === row.properties[card(layer).drawn_by]));
    if (codes.length && wordless.length) lines.push(h("li", {}, markOf(layer, { properties: {} }), say("not_set"), h("span", { className: "n" }, number(wordless.length))));
    if (layer === "incidents" && !seen?.counts) {
      for (const code of fieldOf(layer, "severity")?.codes ?? []) {
        const n = rows.filter((row) => row.properties.severity === code.value).length;
        if (n) lines.push(h("li", {}, mark(code.mark ?? {}), said(code.title), h("span", { className: "n" }, number(n))));
      }
    }
    if (layer === "markers" && overlays.map.getZoom() < EVERY_NUMBER) lines.push(h("li", { className: "zero" }, say("zoom_for_markers")));
    if (seen?.counts) lines.push(h("li", {}, say("counted")));
    if (seen) lines.push(h("li", {}, say("drawn_in_view"), h("span", { className: "n" }, `${seen.counts ? "≈ " : ""}${number(seen.number)}`)));
    if (seen?.dropped) lines.push(h("li", {}, say("left_out"), h("span", { className: "n" }, number(seen.dropped))));
    if (lines.length) parts.push(h("h2", {}, say(layer) === layer ? said(card(layer).title) : say(layer)), h("ul", {}, ...lines));
  }
  parts.push(h("h2", {}, say("position")), h("ul", {},
    h("li", {}, mark({ shape: "circle", colour: "#5a6672" }), say("surveyed")),
    h("li", {}, mark({ shape: "circle", colour: "#5a6672" }, { hollow: true }), say("assumed_position")),
    h("li", {}, lineSample(), say("indicative_line"))));
  board.replaceChildren(...parts);
}

function lineSample() {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("class", "stroke");
  drawing.setAttribute("viewBox", "0 0 26 8");
  for (const [colour, width, dashes] of [["#ddd3e6", 7, ""], ["#563d8c", 1.8, "9 4 2 4"]]) {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("d", "M0 4h26");
    line.setAttribute("stroke", colour);
    line.setAttribute("stroke-width", width);
    if (dashes) line.setAttribute("stroke-dasharray", dashes);
    drawing.append(line);
  }
  return drawing;
}

/** The layers that can be drawn, each with a box; the current tab's is always on, and so is the line itself. */
export function drawLayerList(board, cards, view, overlays, toggle) {
  board.replaceChildren(...cards.filter((one) => one.geometry && one.name !== "lines").map((one) => {
    const state = overlays.state(one.name);
    const n = state?.loaded ? number(state.features.filter((feature) => feature.geometry).length) + (state.more ? "+" : "") : state ? "…" : "";
    return h("label", {},
      h("input", { type: "checkbox", checked: view.layers.has(one.name), disabled: one.name === view.tab, onchange: (event) => toggle(one.name, event.target.checked) }),
      said(one.title), h("span", { className: "state" }, n));
  }));
}
