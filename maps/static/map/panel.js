// The one side panel: a list, a record or a form, never two. On a phone it is a sheet with three heights.

import { afterQuiet, h, number, said, say } from "../core/page.js";
import { card, markOf, shortOf, titleOf, underOf, whenOf, wordOf } from "../core/labels.js";
import { query } from "../core/http.js";

const HEIGHTS = ["low", "half", "high"];
const UNIT = { works: "unit", tasks: "lead_unit", incidents: "unit" };

export class Panel {
  constructor(view, actions) {
    Object.assign(this, { view, actions });
    this.list = document.getElementById("list-view");
    this.record = document.getElementById("record-view");
    this.rows = document.getElementById("rows");
    this.chips = document.getElementById("chips");
    this.filters = document.getElementById("filters");
    this.units = new Map(); // layer → the units that its rows have named so far
    this.foot = document.getElementById("panel-foot");
    this.stage = document.querySelector(".stage");
    this.filtering = false;
    this.leave = null;
    this.height("half");
    this.foot.querySelector("[data-print]").addEventListener("click", () => print());
    document.getElementById("grip").addEventListener("click", () => {
      this.height(HEIGHTS[(HEIGHTS.indexOf(this.stage.dataset.sheet) + 1) % HEIGHTS.length]);
      actions.resized();
    });
    const tabs = [...document.querySelectorAll("[data-tab]")];
    for (const [at, tab] of tabs.entries()) {
      tab.addEventListener("click", () => actions.tab(tab.dataset.tab));
      tab.addEventListener("keydown", (event) => {
        const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
        if (by) tabs.at((at + by) % tabs.length).focus();
      });
    }
  }

  height(name) {
    this.stage.dataset.sheet = name;
  }

  /** Show the list of the current tab. */
  showList() {
    this.leave?.();
    this.leave = null;
    this.record.hidden = true;
    this.list.hidden = false;
  }

  /** Show a record or a form instead of the list; `leave` is called when it goes. */
  show(content, leave = null) {
    this.leave?.();
    this.leave = leave;
    this.record.replaceChildren(...content);
    this.list.hidden = true;
    this.record.hidden = false;
    this.record.scrollTop = 0;
    if (this.stage.dataset.sheet === "low") this.height("half");
    this.record.focus({ preventScroll: true });
  }

  get listing() {
    return !this.list.hidden;
  }

  /** Draw the list anew from what the map has of the layer. */
  draw(state, bbox) {
    const layer = this.view.tab;
    for (const tab of document.querySelectorAll("[data-tab]")) tab.setAttribute("aria-selected", String(tab.dataset.tab === layer));
    this.rows.setAttribute("aria-labelledby", `tab-${layer}`);
    this.#drawChips();
    const rows = state?.features ?? [];
    const units = this.units.get(layer) ?? this.units.set(layer, new Set()).get(layer);
    for (const { properties: p } of rows) if (p[UNIT[layer]]) units.add(p[UNIT[layer]]);
    this.#drawFilters();
    if (!state?.loaded && !state?.wrong) return this.rows.replaceChildren(h("p", { className: "quiet" }, say("loading", { what: said(card(layer)?.title).toLowerCase() })));
    if (state.wrong) this.rows.replaceChildren(h("p", { className: "field-fault" }, state.wrong.message));
    else if (rows.length) this.rows.replaceChildren(...rows.map((feature) => this.#row(layer, feature)));
    else this.rows.replaceChildren(h("p", { className: "quiet" }, say(card(layer)?.creatable ? `empty_${layer}` : "nothing_seen")));
    this.#drawFoot(layer, state, rows.length, bbox);
    this.choose(this.view.select);
  }

  #row(layer, feature) {
    const word = wordOf(layer, card(layer)?.drawn_by, feature.properties[card(layer)?.drawn_by]);
    const sign = markOf(layer, feature, { spoken: true });
    if (word) sign.append(Object.assign(document.createElementNS("http://www.w3.org/2000/svg", "title"), { textContent: said(word.title) }));
    const unplaced = !feature.geometry && card(layer)?.geometry;
    const row = h("div", { className: "row", data: { id: feature.id } }, sign,
      h("button", { className: "title", type: "button", title: titleOf(layer, feature) }, shortOf(layer, feature)),
      h("span", { className: "when" }, whenOf(layer, feature)),
      h("p", { className: "under" }, underOf(layer, feature)),
      unplaced ? h("p", { className: "under unplaced" }, say("no_position"), !card(layer).places ? null : h("button", { type: "button", onclick: (event) => (event.stopPropagation(), this.actions.place(layer, feature)) }, say("set_position"))) : null);
    row.addEventListener("click", (event) => this.actions.pick(layer, feature, event.detail === 0));
    row.addEventListener("mouseenter", () => this.actions.heat(feature.id, true));
    row.addEventListener("mouseleave", () => this.actions.heat(feature.id, false));
    return row;
  }

  #drawChips() {
    const { filters } = this.view;
    const named = (name, value) => {
      if (name === "year") return `${say("year")} ${value}`;
      if (name === "open") return say("open_only");
      if (name === "border") return say(value);
      if (name === "text") return `“${value}”`;
      return said(wordOf(this.view.tab, name, value)?.title) || value;
    };
    const chips = Object.entries(filters).map(([name, value]) => h("button", {
      className: "chip", type: "button", title: say("remove_filter"), onclick: () => this.actions.filter({ [name]: null }),
    }, `${named(name, value)} ✕`));
    const more = h("button", { className: "chip", type: "button", "aria-expanded": String(this.filtering), "aria-controls": "filters", onclick: () => ((this.filtering = !this.filtering), this.#drawChips(), this.#drawFilters()) }, `+ ${say("filter")}`);
    const add = this.view.tab === "incidents" || !card(this.view.tab)?.creatable ? null : h("button", { className: "chip add", type: "button", onclick: () => this.actions.add(this.view.tab) }, `+ ${say(`add_${this.view.tab}`)}`);
    this.chips.replaceChildren(...chips, more, ...(add ? [add] : []));
  }

  /** The filters of the tab, left alone while somebody is at them. */
  #drawFilters() {
    const layer = this.view.tab;
    this.filters.hidden = !this.filtering;
    if (this.filters.dataset.layer === layer && this.filters.contains(document.activeElement)) return;
    this.filters.dataset.layer = layer;
    this.filters.replaceChildren(...(this.filtering ? this.#filterFields(layer) : []));
  }

  #filterFields(layer) {
    const { filters } = this.view;
    const pick = (name, label, options) => h("label", {}, label, h("select", { onchange: (event) => this.actions.filter({ [name]: event.target.value || null }) },
      h("option", { value: "" }, say("all")), ...options.map(([value, text]) => h("option", { value, selected: String(filters[name] ?? "") === String(value) }, text))));
    const fields = new Map((card(layer)?.fields ?? []).map((field) => [field.name, field]));
    const year = new Date().getFullYear();
    const words = ["urgency", card(layer)?.status, "severity", "category", "kind", "missing_clears"].filter((name, at, all) => fields.get(name)?.codes && all.indexOf(name) === at);
    const unit = fields.get(UNIT[layer]);
    const units = [...new Set([...this.units.get(layer), ...(filters[UNIT[layer]] ? [filters[UNIT[layer]]] : [])])].sort();
    const typed = afterQuiet(300, (text) => this.actions.filter({ text: text.trim() || null }));
    return [
      h("label", { className: "wide" }, say("text"), h("input", { type: "search", maxlength: "200", value: filters.text ?? "", oninput: (event) => typed(event.target.value) })),
      fields.has("border") ? pick("border", say("border"), ["VN-KH", "VN-CN", "VN-LA"].map((one) => [one, say(one)])) : null,
      fields.has("due_on") || fields.has("occurred_at") ? pick("year", say("year"), Array.from({ length: 8 }, (_, back) => [year + 1 - back, String(year + 1 - back)])) : null,
      ...words.map((name) => pick(name, said(fields.get(name).title), fields.get(name).codes.map((code) => [code.value, said(code.title)]))),
      unit ? pick(unit.name, said(unit.title), units.map((one) => [one, one])) : null,
      h("label", { className: "check" }, h("input", { type: "checkbox", checked: Boolean(filters.open), onchange: (event) => this.actions.filter({ open: event.target.checked ? "1" : null }) }), say("open_only")),
    ].filter(Boolean);
  }

  #drawFoot(layer, state, count, bbox) {
    const n = state.more ? say("more_than", { n: number(count) }) : number(count);
    const scope = state.whole ? "" : ` ${say("in_view")}`;
    const asked = { ...this.view.asked(layer, card(layer)), ...(state.whole ? {} : { bbox }) };
    document.getElementById("panel-count").textContent = `${say(`count_${layer}`, { n })}${scope}`;
    // The links stand from the start and are only pointed elsewhere, so that an open menu stays open while the map moves.
    for (const link of this.foot.querySelectorAll("[data-format]")) {
      const { format: f, reader } = link.dataset;
      link.href = query(`/api/export/${layer}`, { ...asked, as_of: this.view.asOf, f, reader: reader === "partner" ? reader : null });
    }
    document.getElementById("panel-list").href = query(`/${layer}`, { ...(asked.bbox ? {} : asked), as_of: this.view.asOf });
    this.foot.hidden = false;
  }

  heat(id, hot) {
    const row = this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`);
    row?.classList.toggle("hot", hot);
  }

  /** Mark the chosen row and bring it into sight. */
  choose(id) {
    for (const row of this.rows.querySelectorAll('[aria-current="true"]')) row.removeAttribute("aria-current");
    const row = id ? this.rows.querySelector(`[data-id="${CSS.escape(id)}"]`) : null;
    row?.setAttribute("aria-current", "true");
    row?.scrollIntoView({ block: "nearest" });
  }

  /** The row `by` places below the chosen one. */
  beside(by) {
    const rows = [...this.rows.querySelectorAll(".row")];
    const at = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
    return rows[Math.min(rows.length - 1, Math.max(0, at + by))]?.dataset.id ?? null;
  }
}
