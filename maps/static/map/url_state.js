// The state of the map page in its URL, so that it can be shared as a link: layers, tab, filters and selection in the
// query, centre and zoom in the fragment.

const LASTING_FILTERS = ["border", "year", "open"]; // kept when another tab is opened
const OTHER_PARAMETERS = ["layers", "tab", "select", "q", "lang", "as_of"];
const FINISHED = new Set(["done", "closed", "dismissed", "cancelled", "ended"]);

export class UrlState {
  /** @param {Pick<PageData, "drawn" | "tabs">} defaults */
  constructor({ drawn, tabs }) {
    const parameters = new URLSearchParams(location.search);
    this.layers = new Set((parameters.get("layers") ?? drawn.join(",")).split(",").filter(Boolean));
    // The id of the selected feature, with its layer before it if that layer is not shown.
    const [id = null, layer = null] = (parameters.get("select") || "").split("/").filter(Boolean).reverse();
    this.select = id;
    this.selectLayer = layer;
    const tab = parameters.get("tab") ?? layer;
    const firstShown = parameters.has("layers") ? tabs.find((name) => this.layers.has(name)) : null;
    this.tab = tab && tabs.includes(tab) ? tab : (firstShown ?? tabs[0]);
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
    history.replaceState(null, "", `${location.pathname}?${search}${fragment}`);
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
      else if (name === "year" && (fields.has("due_on") || fields.has("occurred_at"))) {
        parameters.datetime = `${value}-01-01/${value}-12-31`;
      } else if (name === "text" && layer === this.tab) parameters.q = value;
      else if (name === "open" && fields.has("open")) parameters.open = "true";
      else if (name === "open") Object.assign(parameters, unfinished(fields, card));
      else if (layer === this.tab && (fields.has(name) || name === "filter")) parameters[name] = value;
    }
    return parameters;
  }
}

/**
 * The codes of the urgency, or else of the status, that are not final.
 * @param {Map<string, Field>} fields
 * @param {LayerCard} card
 */
function unfinished(fields, card) {
  const field = fields.get("urgency") ?? fields.get(card.status ?? "");
  if (!field?.codes) return {};
  return { [field.name]: field.codes.map(({ value }) => value).filter((value) => !FINISHED.has(value)) };
}
