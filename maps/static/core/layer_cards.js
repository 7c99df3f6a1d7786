// The layer cards of `/api/layers`: the fields of each layer, its code lists, and what the reader may do.

import { request } from "./http.js";
import { language, localized, message, page } from "./page.js";

/** @type {Map<string, LayerCard>} */
const cards = new Map();

/** @type {LayerCard} The card of a layer that `/api/layers` does not list. */
const UNKNOWN = {
  name: "",
  title: { vi: "", en: "" },
  geometry: null,
  drawn_by: null,
  dated: null,
  stated_with_geometry: [],
  status: null,
  fields: [],
  display: {
    label: { vi: "", en: "" },
    short: { vi: "", en: "" },
    on_map: "",
    singular: { vi: "", en: "" },
    under: [],
    beside: [],
    columns: [],
    filters: [],
    totals: [],
    since: {},
    facts: [],
    hidden: [],
    mark: {},
    second_mark: null,
    group: null,
    rank: 100,
    drawn_at_first: false,
    tab: false,
    fixed: false,
    in_basemap: false,
    link_role: null,
    status_by: null,
    checklist: null,
    named_by: null,
    ends: null,
    successor: null,
    new_page: null,
  },
  editable: false,
  creatable: false,
  movable: false,
  places: false,
};

/** Load the cards and return them in the server's order. On a page as of a past time they allow no changes. */
export async function loadLayerCards() {
  const { data } = await request("/api/layers");
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
export const displayOf = (layer) => layerCard(layer).display;

/** The layers in the order of their rank, which is that of navigation and of the map. */
export const layersByRank = () =>
  [...cards.values()].sort((a, b) => a.display.rank - b.display.rank).map(({ name }) => name);

/** @param {string} layer */
export const layerTitle = (layer) => localized(layerCard(layer).title);

/**
 * What that number of features of a layer is called; Vietnamese nouns have no plural.
 * @param {string} layer
 * @param {number} number
 */
export const nounOf = (layer, number) =>
  language === "en" && number !== 1 ? layerTitle(layer).toLowerCase() : localized(displayOf(layer).singular);

/**
 * A number of features of a layer: “5 công trình”.
 * @param {string} layer
 * @param {string} n
 */
export const countText = (layer, n) => message("count_features", { n, what: nounOf(layer, n === "1" ? 1 : 0) });

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
 * Whether a value of a field's code list has a flag, such as `finished`.
 * @param {string} layer
 * @param {string | null} name
 * @param {unknown} value
 * @param {string} flag
 */
export const hasFlag = (layer, name, value, flag) => Boolean(codeOf(layer, name, value)?.flags.includes(flag));

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
