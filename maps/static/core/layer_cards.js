// The layer cards of `/api/cards`: the fields of each layer, its code lists, and what the reader may do.

import { request } from "./http.js";
import { localized, message, page } from "./page.js";

/** @type {Map<string, LayerCard>} */
const cards = new Map();

/** @type {LayerCard} The card of a layer that `/api/cards` does not list. */
const UNKNOWN = {
  name: "",
  title: { vi: "", en: "" },
  geometry: null,
  drawn_by: null,
  status: null,
  fields: [],
  editable: false,
  creatable: false,
  movable: false,
  places: false,
};

/** Load the cards and return them in the server's order. On a page as of a past time they allow no changes. */
export async function loadLayerCards() {
  const { data } = await request("/api/cards");
  /** @type {LayerCard[]} */
  const layers = data.layers;
  for (const card of layers) {
    if (page.past) Object.assign(card, { creatable: false, movable: false, places: false });
    cards.set(card.name, card);
  }
  return layers;
}

/** @param {string} layer */
export const isKnownLayer = (layer) => cards.has(layer);

/** @param {string} layer */
export const layerCard = (layer) => cards.get(layer) ?? UNKNOWN;

/** @param {string} layer */
export const layerTitle = (layer) => localized(layerCard(layer).title);

/**
 * @param {string} layer
 * @param {string | null} name
 */
export const fieldOf = (layer, name) => layerCard(layer).fields.find((field) => field.name === name);

/**
 * The label of a field, which for an unknown field is its name.
 * @param {string} layer
 * @param {string} name
 */
export function fieldLabel(layer, name) {
  const label = localized(fieldOf(layer, name)?.title);
  return label || (name === "geom" || name === "geometry" ? message("position") : name);
}

/**
 * The values of a field's code list; none where the field has no code list.
 * @param {string} layer
 * @param {string | null} name
 */
export const codesOf = (layer, name) => fieldOf(layer, name)?.codes ?? [];

/**
 * A value of a field's code list, with its mark and its transitions.
 * @param {string} layer
 * @param {string | null} name
 * @param {unknown} value
 */
export const codeOf = (layer, name, value) => codesOf(layer, name).find((code) => code.value === value) ?? null;

/**
 * The title of a value of a code list; the value itself if it is not in the list.
 * @param {string} layer
 * @param {string | null} name
 * @param {any} value
 * @returns {string}
 */
export const codeTitle = (layer, name, value) => localized(codeOf(layer, name, value)?.title) || value || "";

/**
 * The value of the status of a feature; undefined if the layer has no status.
 * @param {string} layer
 * @param {Pick<LayerFeature, "properties">} feature
 */
export const statusOf = (layer, { properties }) => properties[layerCard(layer).status ?? ""];

/**
 * The code that gives a feature its mark and colour.
 * @param {string} layer
 * @param {Pick<LayerFeature, "properties">} feature
 */
export function drawingCode(layer, { properties }) {
  const { drawn_by: name } = layerCard(layer);
  return name ? codeOf(layer, name, properties[name]) : null;
}

/**
 * Whether the reader may change this feature, by the header `Allow` of its response.
 * @param {LayerFeature} feature
 */
export const isEditable = (feature) => Boolean(feature.allows?.includes("PATCH"));
