// The dialog that links a feature to another or to a marker address: search in all layers, choice, and the role of the
// link. What does not exist yet is entered in place and linked.

import { debounce } from "../core/debounce.js";
import { formDialog, labelled } from "../core/dialogs.js";
import { element } from "../core/elements.js";
import { joined } from "../core/format.js";
import { itemsPath, request, withQuery } from "../core/http.js";
import { markOf, titleOf } from "../core/labels.js";
import { displayOf, isKnownLayer, layerCard, layersByRank, layerTitle } from "../core/layer_cards.js";
import { locate } from "../core/locate.js";
import { localized, message, messagesWithPrefix } from "../core/page.js";
import { newFeatureDialog } from "./new_feature_dialog.js";

const RESULTS_PER_LAYER = 6;
const ADDRESS_ROLE = "site"; // of a link to a marker address
const OTHER_ROLE = "subject"; // of a link to a feature of a layer whose card names no role

/**
 * @typedef {object} Result
 * @property {string} key
 * @property {object} body The other end of the link, as in a request body.
 * @property {string | null} name By which texts name it.
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
  const roles = messagesWithPrefix("role_").filter(([name]) => !name.endsWith("_from"));
  const options = roles.map(([name, text]) => element("option", { value: name }, text));
  const role = element("select", { name: "role", required: true }, ...options);

  /** @type {Map<string, Result>} */
  let results = new Map();
  /** @type {AbortController | null} */
  let pending = null;
  let settled = ""; // the text for which something new was entered, which is not searched for any more
  const row = (/** @type {Result} */ result, checked = false) =>
    choice(result, checked, () => (role.value = result.role));
  const update = async () => {
    const text = input.value.trim();
    pending?.abort();
    if (text && text === settled) return;
    settled = "";
    results = new Map();
    if (!text) return;
    pending = new AbortController();
    const { signal } = pending;
    const { matches, error } = await search(text, feature, signal);
    if (signal.aborted) return;
    results = new Map(matches.map((result) => [result.key, result]));
    const problem = error && element("p", { className: "field-fault" }, error.message);
    const noResults = matches.length ? null : element("p", { className: "quiet" }, message("link_no_results"));
    list.replaceChildren(legend, ...matches.map((result) => row(result)), problem ?? noResults ?? "");
  };
  const useNew = (/** @type {string} */ layer, /** @type {LayerFeature} */ added) => {
    const result = resultOf(layer, added);
    pending?.abort();
    settled = input.value.trim();
    results = new Map([[result.key, result]]);
    list.replaceChildren(legend, row(result, true));
    role.value = result.role;
  };
  input.addEventListener("input", debounce(300, update));
  input.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());

  const submit = async (/** @type {FormData} */ values) => {
    const result = results.get(String(values.get("end")));
    if (!result) throw new Error(message("link_choose"));
    await send({ ...result.body, role: values.get("role") }, result.title);
  };
  const content = [input, list, addMenu(() => input.value.trim(), useNew), labelled(message("link_role"), role)];
  const texts = { label: message("link_create"), labels: { role: message("link_role") } };
  formDialog(message("link_to"), titleOf(feature.properties.layer, feature), content, submit, texts);
  input.focus();
}

/**
 * The choice of a layer in which to enter a new feature; null if the reader may enter none.
 * @param {() => string} searchedText
 * @param {(layer: string, feature: LayerFeature) => unknown} onAdded
 */
function addMenu(searchedText, onAdded) {
  const layers = searchedLayers().filter((layer) => layerCard(layer).creatable && !displayOf(layer).new_page);
  if (!layers.length) return null;
  const options = layers.map((layer) => element("option", { value: layer }, localized(displayOf(layer).singular)));
  const select = element(
    "select",
    { "aria-label": message("link_add") },
    element("option", { value: "" }, `+ ${message("link_add")}`),
    ...options,
  );
  select.addEventListener("change", async () => {
    const layer = select.value;
    select.value = "";
    const feature = layer ? await newFeatureDialog(layer, searchedText()) : null;
    if (feature) onAdded(layer, feature);
  });
  return select;
}

/**
 * @param {Result} result
 * @param {boolean} checked
 * @param {() => void} onChosen
 */
const choice = ({ key, title, about, mark }, checked, onChosen) =>
  element(
    "label",
    { className: "choice" },
    element("input", { type: "radio", name: "end", value: key, checked, onchange: onChosen }),
    mark,
    element("span", {}, title, " ", element("span", { className: "quiet" }, about)),
  );

/** The layers that are searched, in the order of their rank: those whose card names a role for links come first. */
function searchedLayers() {
  const layers = layersByRank().filter((name) => isKnownLayer(name) && layerCard(name).display.named_by);
  const hasRole = (/** @type {string} */ name) => Boolean(displayOf(name).link_role);
  return [...layers.filter(hasRole), ...layers.filter((name) => !hasRole(name))];
}

/**
 * The features whose title matches, the marker addresses that the text means, and the error of a layer that could not
 * be searched. A text that is not an address gives no error.
 * @param {string} text
 * @param {LayerFeature} feature Excluded from the matches.
 * @param {AbortSignal} signal
 */
async function search(text, feature, signal) {
  const searches = await Promise.allSettled([
    ...searchedLayers().map((layer) => searchLayer(layer, text, feature.id, signal)),
    searchAddresses(text, signal),
  ]);
  const matches = searches.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
  matches.sort((a, b) => Number(b.name === text) - Number(a.name === text)); // what has just this name comes first
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
  return features.filter(({ id }) => id !== excluded).map((feature) => resultOf(layer, feature));
}

/**
 * @param {string} layer
 * @param {LayerFeature} feature
 * @returns {Result}
 */
const resultOf = (layer, feature) => ({
  key: feature.id,
  body: { to: feature.id },
  name: feature.properties[displayOf(layer).named_by ?? ""] ?? null,
  title: titleOf(layer, feature),
  about: layerTitle(layer),
  mark: markOf(layer, feature),
  role: displayOf(layer).link_role ?? OTHER_ROLE,
});

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
      name: null,
      title: address,
      about: joined(message("place_of"), border && message(border)),
      mark: null,
      role: ADDRESS_ROLE,
    }));
}
