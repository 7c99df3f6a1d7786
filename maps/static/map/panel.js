// The side panel of the map page: the list of a tab, a record or a form, one at a time. On a phone it is a sheet with
// three heights.

import { all, byId, element, present } from "../core/elements.js";
import { formatNumber } from "../core/format.js";
import { withQuery } from "../core/http.js";
import { markOf, shortTitleOf, subtitleOf, timeTextOf, titleOf } from "../core/labels.js";
import { displayOf, drawingCode, layerCard, layerTitle, nounOf } from "../core/layer_cards.js";
import { SVG } from "../core/marks.js";
import { localized, message } from "../core/page.js";
import { filterChips, filterControls, UNIT_FIELDS } from "./list_filters.js";

const HEIGHTS = ["low", "half", "high"];

/** @typedef {import("./overlays.js").LayerState} LayerState */

/**
 * @typedef {object} PanelActions
 * @property {(name: string) => unknown} openTab
 * @property {(layer: string, feature: LayerFeature, byKeyboard: boolean) => unknown} pick
 * @property {(id: string, hovered: boolean) => unknown} highlight
 * @property {(layer: string, feature: LayerFeature) => unknown} setPosition
 * @property {(layer: string) => unknown} add
 * @property {import("./list_filters.js").SetFilters} setFilters
 * @property {() => unknown} onResize
 */

export class Panel {
  /** @type {Map<string, Set<string>>} The units of all features loaded so far, by layer. */
  #units = new Map();

  /** @type {(() => unknown) | null} Called when the content is replaced. */
  #onLeave = null;

  #showsFilters = false;

  /**
   * @param {import("./url_state.js").UrlState} view
   * @param {PanelActions} actions
   */
  constructor(view, actions) {
    this.view = view;
    this.actions = actions;
    this.list = byId("list-view");
    this.record = byId("record-view");
    this.rows = byId("rows");
    this.chips = byId("chips");
    this.filters = byId("filters");
    this.foot = byId("panel-foot");
    this.stage = /** @type {HTMLElement} */ (document.querySelector(".stage"));
    this.setHeight("half");
    this.foot.querySelector("[data-print]")?.addEventListener("click", () => print());
    byId("grip").addEventListener("click", () => {
      const next = HEIGHTS.indexOf(this.stage.dataset.sheet ?? "") + 1;
      this.setHeight(HEIGHTS[next % HEIGHTS.length]);
      actions.onResize();
    });
    const tabs = all("[data-tab]");
    for (const [index, tab] of tabs.entries()) {
      tab.addEventListener("click", () => actions.openTab(tab.dataset.tab ?? ""));
      tab.addEventListener("keydown", ({ key }) => {
        const step = key === "ArrowRight" ? 1 : key === "ArrowLeft" ? -1 : 0;
        if (step) tabs.at((index + step) % tabs.length)?.focus();
      });
    }
  }

  /** @param {string} name One of the heights of the sheet. */
  setHeight(name) {
    this.stage.dataset.sheet = name;
  }

  get showsList() {
    return !this.list.hidden;
  }

  showList() {
    this.#leave(null);
    this.record.hidden = true;
    this.list.hidden = false;
  }

  /**
   * Show a record or a form instead of the list.
   * @param {Node[]} content
   * @param {(() => unknown) | null} [onLeave] Called when the content is replaced.
   */
  show(content, onLeave = null) {
    this.#leave(onLeave);
    this.record.replaceChildren(...content);
    this.list.hidden = true;
    this.record.hidden = false;
    this.record.scrollTop = 0;
    if (this.stage.dataset.sheet === "low") this.setHeight("half");
    this.record.focus({ preventScroll: true });
  }

  /** @param {(() => unknown) | null} next Called when the next content is replaced. */
  #leave(next) {
    const onLeave = this.#onLeave;
    this.#onLeave = next;
    onLeave?.();
  }

  /**
   * Draw the list of the tab from the features that the map has loaded.
   * @param {LayerState | null} state
   * @param {string} [bbox] The viewport.
   */
  draw(state, bbox = "") {
    const layer = this.view.tab;
    for (const tab of all("[data-tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === layer));
    this.rows.setAttribute("aria-labelledby", `tab-${layer}`);
    this.#drawChips();
    this.#collectUnits(layer, state?.features ?? []);
    this.#drawFilters();
    if (!state || (!state.loaded && !state.error)) {
      const text = message("loading", { what: layerTitle(layer).toLowerCase() });
      return this.rows.replaceChildren(element("p", { className: "quiet" }, text));
    }
    this.rows.replaceChildren(...this.#rowsOf(layer, state));
    this.#drawFoot(layer, state, bbox);
    this.choose(this.view.select);
  }

  /**
   * @param {string} layer
   * @param {LayerState} state
   */
  #rowsOf(layer, { features, error }) {
    if (error) return [element("p", { className: "field-fault" }, error.message)];
    if (features.length) return features.map((feature) => this.#row(layer, feature));
    const text = message(layerCard(layer).creatable ? "empty_match" : "nothing_visible", { what: nounOf(layer, 0) });
    return [element("p", { className: "quiet" }, text)];
  }

  /**
   * @param {string} layer
   * @param {LayerFeature} feature
   */
  #row(layer, feature) {
    const mark = markOf(layer, feature, { spoken: true });
    const code = drawingCode(layer, feature);
    if (code) mark.append(tooltip(localized(code.title)));
    const title = { className: "title", type: "button", title: titleOf(layer, feature) };
    const row = element(
      "div",
      { className: "row", data: { id: feature.id } },
      mark,
      element("button", title, shortTitleOf(layer, feature)),
      element("span", { className: "when" }, timeTextOf(layer, feature)),
      element("p", { className: "under" }, subtitleOf(layer, feature)),
      !feature.geometry && layerCard(layer).geometry ? this.#unplaced(layer, feature) : null,
    );
    // A click without a pointer is a key press on the row's button.
    row.addEventListener("click", (event) => this.actions.pick(layer, feature, event.detail === 0));
    row.addEventListener("mouseenter", () => this.actions.highlight(feature.id, true));
    row.addEventListener("mouseleave", () => this.actions.highlight(feature.id, false));
    return row;
  }

  /**
   * The row text of a feature without a position, with a button to set it if the reader may.
   * @param {string} layer
   * @param {LayerFeature} feature
   */
  #unplaced(layer, feature) {
    const setPosition = (/** @type {Event} */ event) => {
      event.stopPropagation();
      this.actions.setPosition(layer, feature);
    };
    const button = element("button", { type: "button", onclick: setPosition }, message("set_position"));
    const offered = layerCard(layer).places ? button : null;
    return element("p", { className: "under unplaced" }, message("no_position"), offered);
  }

  #drawChips() {
    const { tab, filters } = this.view;
    const toggle = () => {
      this.#showsFilters = !this.#showsFilters;
      this.#drawChips();
      this.#drawFilters();
    };
    const expands = { "aria-expanded": String(this.#showsFilters), "aria-controls": "filters", onclick: toggle };
    const more = element("button", { className: "chip", type: "button", ...expands }, `+ ${message("filter")}`);
    this.chips.replaceChildren(
      ...filterChips(tab, filters, this.actions.setFilters),
      more,
      ...present([this.#addButton(tab)]),
    );
  }

  /**
   * The button that adds a feature, unless the layer has a page of its own for that.
   * @param {string} layer
   */
  #addButton(layer) {
    if (displayOf(layer).new_page || !layerCard(layer).creatable) return null;
    const add = () => this.actions.add(layer);
    return element(
      "button",
      { className: "chip add", type: "button", onclick: add },
      `+ ${message("add_feature", { what: nounOf(layer, 1) })}`,
    );
  }

  /** Draw the filter controls, unless one of them has the focus. */
  #drawFilters() {
    const { tab, filters } = this.view;
    this.filters.hidden = !this.#showsFilters;
    if (this.filters.dataset.layer === tab && this.filters.contains(document.activeElement)) return;
    this.filters.dataset.layer = tab;
    const controls = () => filterControls(tab, filters, this.#unitsOf(tab), this.actions.setFilters);
    this.filters.replaceChildren(...(this.#showsFilters ? controls() : []));
  }

  /**
   * @param {string} layer
   * @param {LayerFeature[]} features
   */
  #collectUnits(layer, features) {
    const units = this.#units.get(layer) ?? new Set();
    for (const { properties } of features) {
      const unit = properties[UNIT_FIELDS[layer]];
      if (unit) units.add(unit);
    }
    this.#units.set(layer, units);
  }

  /**
   * The units of the features of a layer, and the unit of the filter.
   * @param {string} layer
   */
  #unitsOf(layer) {
    const filter = this.view.filters[UNIT_FIELDS[layer]];
    return [...new Set([...(this.#units.get(layer) ?? []), ...(filter ? [filter] : [])])].sort();
  }

  /**
   * @param {string} layer
   * @param {LayerState} state
   * @param {string} bbox
   */
  #drawFoot(layer, { features, more, whole }, bbox) {
    const number = formatNumber(features.length);
    const n = more ? message("more_than", { n: number }) : number;
    byId("panel-count").textContent =
      `${message("count_features", { n, what: nounOf(layer, features.length) })}${whole ? "" : ` ${message("in_view")}`}`;
    /** @type {Record<string, string | string[]>} */
    const filters = { ...this.view.parametersFor(layer, layerCard(layer)), ...(whole ? {} : { bbox }) };
    // Only the URLs of the links change, so that an open menu stays open while the map moves.
    for (const link of all("[data-format]", { root: this.foot, kind: HTMLAnchorElement })) {
      const { format: f, reader } = link.dataset;
      const partner = reader === "partner" ? reader : null;
      link.href = withQuery(`/api/export/${layer}`, { ...filters, as_of: this.view.asOf, f, reader: partner });
    }
    const { asOf } = this.view;
    const list = byId("panel-list", HTMLAnchorElement);
    list.href = withQuery(`/${layer}`, { ...(filters.bbox ? {} : filters), as_of: asOf }); // list pages take no bbox
    this.foot.hidden = false;
  }

  /**
   * Highlight the row of a feature, or remove the highlight.
   * @param {string} id
   * @param {boolean} highlighted
   */
  highlight(id, highlighted) {
    this.#rowWith(id)?.classList.toggle("hot", highlighted);
  }

  /**
   * Mark the row of a feature as the current one and scroll to it; null marks none.
   * @param {string | null} id
   */
  choose(id) {
    for (const row of all('[aria-current="true"]', { root: this.rows })) row.removeAttribute("aria-current");
    const row = id ? this.#rowWith(id) : null;
    row?.setAttribute("aria-current", "true");
    row?.scrollIntoView({ block: "nearest" });
  }

  /** @param {string} id */
  #rowWith(id) {
    return this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`);
  }

  /**
   * The id of the feature `by` rows below the current one, at most the last and at least the first.
   * @param {number} by
   */
  neighbour(by) {
    const rows = all(".row", { root: this.rows });
    const current = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
    return rows[Math.min(rows.length - 1, Math.max(0, current + by))]?.dataset.id ?? null;
  }
}

/** @param {string} text */
function tooltip(text) {
  const title = document.createElementNS(SVG, "title");
  title.textContent = text;
  return title;
}
