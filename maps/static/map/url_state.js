// The state of the map page in its URL, so that it can be shared as a link: layers, tab, filters and selection in the
// query, centre and zoom in the fragment.

const LASTING_FILTERS = ["border", "year", "open"]; // kept when another tab is opened
const OTHER_PARAMETERS = ["layers", "tab", "select", "q", "lang", "as_of"];

export class UrlState {
  /** @param {{ drawn: string[], tabs: string[] }} defaults The layers on the map at first, and those of the tabs. */
  constructor({ drawn, tabs }) {
    const parameters = new URLSearchParams(location.search);
    this.layers = new Set((parameters.get("layers") ?? drawn.join(",")).split(",").filter(Boolean));
    // The id of the selected feature, with its layer before it if that layer is not shown.
    const [id = null, layer = null] = (parameters.get("select") || "").split("/").filter(Boolean).reverse();
    this.select = id;
    this.selectLayer = layer;
    const tab = parameters.get("tab") ?? layer;
    this.tab = tab && tabs.includes(tab) ? tab : (tabs.find((name) => this.layers.has(name)) ?? tabs[0]);
    this.layers.add(this.tab);
    this.q = parameters.get("q") || "";
    this.asOf = parameters.get("as_of") || "";
    /** @type {Record<string, string>} */
    this.filters = {};
    for (const [name, value] of parameters) {
      if (value && !OTHER_PARAMETERS.includes(name)) this.filters[name] = value;
    }
    const match = /^#map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(location.hash);
    /** @type {{ zoom: number, lat: number, lon: number } | null} */
    this.viewport = match && { zoom: Number(match[1]), lat: Number(match[2]), lon: Number(match[3]) };
  }

  /**
   * Select a feature of a layer; null selects none.
   * @param {string | null} layer
   * @param {string | null} id
   */
  choose(layer, id) {
    this.select = id;
    this.selectLayer = layer;
    this.write();
  }

  /**
   * Set filters; null removes one.
   * @param {Record<string, string | null>} changes
   */
  filter(changes) {
    for (const [name, value] of Object.entries(changes)) {
      if (value === null) delete this.filters[name];
      else this.filters[name] = value;
    }
    this.write();
  }

  /**
   * Show another tab; only the lasting filters stay.
   * @param {string} name
   */
  openTab(name) {
    this.tab = name;
    this.layers.add(name);
    for (const filter of Object.keys(this.filters)) {
      if (!LASTING_FILTERS.includes(filter)) delete this.filters[filter];
    }
  }

  /** Add an entry to the history for what is open; the entry before it has no selection. */
  pushOpen() {
    const { select, selectLayer } = this;
    this.choose(null, null);
    history.pushState({ open: true }, "", location.href);
    this.choose(selectLayer, select);
  }

  /** Add an entry to the history for another tab, in place of the entry of something that is open. */
  pushTab() {
    if (history.state?.open) history.replaceState({}, "", location.href);
    else history.pushState({}, "", location.href);
  }

  /** Write the state into the URL and into the language link, without a new entry in the history. */
  write() {
    const parameters = new URLSearchParams({ layers: [...this.layers].join(","), tab: this.tab, ...this.filters });
    if (this.select) {
      const hidden = this.selectLayer && !this.layers.has(this.selectLayer);
      parameters.set("select", hidden ? `${this.selectLayer}/${this.select}` : this.select);
    }
    if (this.q) parameters.set("q", this.q);
    if (this.asOf) parameters.set("as_of", this.asOf);
    const { zoom = 0, lat = 0, lon = 0 } = this.viewport ?? {};
    const fragment = this.viewport ? `#map=${zoom}/${lat.toFixed(5)}/${lon.toFixed(5)}` : "";
    const search = parameters.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    history.replaceState(history.state, "", `${location.pathname}?${search}${fragment}`);
    const other = document.querySelector('[data-page="language"]');
    const language = document.documentElement.lang === "en" ? "vi" : "en";
    if (other) other.setAttribute("href", `${location.pathname}?${search}&lang=${language}${fragment}`);
  }

  /**
   * The filters of a layer as query parameters of its items endpoint, as far as its fields allow. The border filters
   * all layers, other filters only the layer of the tab.
   * @param {string} layer
   * @param {LayerCard} card
   */
  parametersFor(layer, card) {
    const fields = new Map(card.fields.map((field) => [field.name, field]));
    /** @type {Record<string, string | string[]>} */
    const parameters = {};
    for (const [name, value] of Object.entries(this.filters)) {
      if (name === "border" && fields.has("border")) parameters.border = value;
      else if (LASTING_FILTERS.includes(name) && layer !== this.tab) continue;
      else if (name === "year" && card.dated) parameters.datetime = `${value}-01-01/${value}-12-31`;
      else if (name === "text" && layer === this.tab) parameters.q = value;
      else if (name === "open") Object.assign(parameters, unfinished(card));
      else if (layer === this.tab && (fields.has(name) || name === "filter")) parameters[name] = value;
    }
    return parameters;
  }
}

/**
 * The filter for what is not finished: by the code that draws a feature or, if none of its codes says that, by its
 * status; no filter if that does not say it either.
 * @param {LayerCard} card
 * @returns {Record<string, string[]>}
 */
function unfinished({ drawn_by, status, fields }) {
  for (const name of [drawn_by, status]) {
    const codes = fields.find((field) => field.name === name)?.codes ?? [];
    const open = codes.filter(({ flags }) => !flags.includes("finished"));
    if (name && open.length < codes.length) return { [name]: open.map(({ value }) => value) };
  }
  return {};
}
