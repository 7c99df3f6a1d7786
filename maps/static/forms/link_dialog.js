// The dialog that links a feature to another or to a marker address: search, choice and the role of the link.

import { debounce } from "../core/debounce.js";
import { formDialog, labelled } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { joined } from "../core/format.js";
import { itemsPath, request, withQuery } from "../core/http.js";
import { markOf, titleOf } from "../core/labels.js";
import { isKnownLayer, layerTitle } from "../core/layer_cards.js";
import { locate } from "../core/locate.js";
import { message } from "../core/page.js";

const SEARCHED_LAYERS = ["markers", "works", "tasks", "gates", "documents", "incidents"];
const ROLES = ["subject", "site", "document", "parent", "continues", "gate"];
const RESULTS_PER_LAYER = 8;

/** @type {Record<string, string>} The role that is preselected for a feature of each layer. */
const DEFAULT_ROLES = {
  markers: "subject",
  documents: "document",
  gates: "gate",
  works: "parent",
  tasks: "parent",
  incidents: "subject",
};
const DEFAULT_ADDRESS_ROLE = "site";

/**
 * @typedef {object} Result
 * @property {string} key
 * @property {object} body The other end of the link, as in a request body.
 * @property {string} title
 * @property {string} about
 * @property {SVGElement | null} mark
 * @property {string} role
 */

/**
 * Open the dialog; `send` receives the body of the link and the title of its other end.
 * @param {LayerFeature} feature
 * @param {(body: object, title: string) => unknown} send
 */
export function linkDialog(feature, send) {
  const label = message("link_search");
  const properties = { type: "search", maxlength: "200", autocomplete: "off" };
  const input = element("input", { ...properties, "aria-label": label, placeholder: label });
  const legend = element("legend", {}, message("link_results"));
  const hint = element("p", { className: "quiet" }, message("link_hint"));
  const list = element("fieldset", { className: "choices" }, legend, hint);
  const roles = ROLES.map((name) => element("option", { value: name }, message(`role_${name}`)));
  const role = element("select", { name: "role", required: true }, ...roles);

  /** @type {Map<string, Result>} */
  let results = new Map();
  /** @type {AbortController | null} */
  let pending = null;
  const update = async () => {
    const text = input.value.trim();
    pending?.abort();
    results = new Map();
    if (!text) return;
    pending = new AbortController();
    const { signal } = pending;
    const { matches, error } = await search(text, feature, signal);
    if (signal.aborted) return;
    results = new Map(matches.map((result) => [result.key, result]));
    const rows = matches.map((result) => choice(result, () => (role.value = result.role)));
    const problem = error && element("p", { className: "field-fault" }, error.message);
    const noResults = element("p", { className: "quiet" }, message("link_no_results"));
    list.replaceChildren(legend, ...rows, ...(problem ? [problem] : rows.length ? [] : [noResults]));
  };
  input.addEventListener("input", debounce(300, update));
  input.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());

  const submit = async (/** @type {FormData} */ values) => {
    const result = results.get(String(values.get("end")));
    if (result) await send({ ...result.body, role: values.get("role") }, result.title);
  };
  const content = [input, list, labelled(message("link_role"), role)];
  const options = { label: message("link_create"), labels: { role: message("link_role") } };
  formDialog(message("link_to"), titleOf(feature.properties.layer, feature), content, submit, options);
  input.focus();
}

/**
 * @param {Result} result
 * @param {() => void} onChosen
 */
const choice = ({ key, title, about, mark }, onChosen) =>
  element(
    "label",
    { className: "choice" },
    element("input", { type: "radio", name: "end", value: key, required: true, onchange: onChosen }),
    mark,
    element("span", {}, title, " ", element("span", { className: "quiet" }, about)),
  );

/**
 * The features whose title matches, the marker addresses that the text means, and the error of a layer that could not
 * be searched. A text that is not an address gives no error.
 * @param {string} text
 * @param {LayerFeature} feature Excluded from the matches.
 * @param {AbortSignal} signal
 */
async function search(text, feature, signal) {
  const layers = SEARCHED_LAYERS.filter(isKnownLayer);
  const searches = await Promise.allSettled([
    ...layers.map((layer) => searchLayer(layer, text, feature.id, signal)),
    searchAddresses(text, signal),
  ]);
  const matches = searches.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  const failed = searches.slice(0, -1).find((result) => result.status === "rejected");
  /** @type {Error | null} */
  const error = failed?.reason ?? null;
  return { matches, error };
}

/**
 * @param {string} layer
 * @param {string} text
 * @param {string} excluded
 * @param {AbortSignal} signal
 * @returns {Promise<Result[]>}
 */
async function searchLayer(layer, text, excluded, signal) {
  const { data } = await request(withQuery(itemsPath(layer), { q: text, limit: RESULTS_PER_LAYER }), { signal });
  /** @type {LayerFeature[]} */
  const features = data.features;
  return features
    .filter(({ id }) => id !== excluded)
    .map((feature) => ({
      key: feature.id,
      body: { to: feature.id },
      title: titleOf(layer, feature),
      about: layerTitle(layer),
      mark: markOf(layer, feature),
      role: DEFAULT_ROLES[layer],
    }));
}

/**
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<Result[]>}
 */
async function searchAddresses(text, signal) {
  const { features } = await locate({ q: text }, { signal });
  return features
    .filter(({ properties }) => properties.kind !== "coordinate")
    .map(({ properties: { address, border } }, index) => ({
      key: `at-${index}`,
      body: { at: address, ...(border ? { border } : {}) },
      title: address,
      about: joined(message("place_of"), border && message(border)),
      mark: null,
      role: DEFAULT_ADDRESS_ROLE,
    }));
}
