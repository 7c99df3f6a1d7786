// The view lives in the URL, so that it can be sent: tab, layers, filters and selection in the query, the window in the hash.

const FILTERS = ["border", "year", "open"];

export class View {
  constructor(known) {
    const given = new URLSearchParams(location.search);
    this.layers = new Set((given.get("layers") ?? known.drawn.join(",")).split(",").filter(Boolean));
    // A thing of a layer that is not drawn is named with its layer.
    const [id = null, layer = null] = (given.get("select") || "").split("/").filter(Boolean).reverse();
    Object.assign(this, { select: id, selectLayer: layer });
    const asked = given.get("tab") ?? layer;
    this.tab = known.tabs.includes(asked) ? asked : known.tabs.find((tab) => given.has("layers") && this.layers.has(tab)) ?? known.tabs[0];
    this.layers.add(this.tab);
    this.q = given.get("q") || "";
    this.asOf = given.get("as_of") || "";
    this.filters = {};
    for (const [name, value] of given) {
      if (value && !["layers", "tab", "select", "q", "lang", "as_of"].includes(name)) this.filters[name] = value;
    }
    const spot = /^#map=([\d.]+)\/(-?[\d.]+)\/(-?[\d.]+)$/.exec(location.hash);
    this.window = spot ? { zoom: Number(spot[1]), lat: Number(spot[2]), lon: Number(spot[3]) } : null;
  }

  /** Choose a thing of a layer, or nothing. */
  choose(layer, id) {
    Object.assign(this, { select: id, selectLayer: layer });
    this.keep();
  }

  /** Write the view into the address bar without a new entry in the history. */
  keep() {
    const parts = new URLSearchParams({ layers: [...this.layers].join(","), tab: this.tab, ...this.filters });
    if (this.select) parts.set("select", this.selectLayer && !this.layers.has(this.selectLayer) ? `${this.selectLayer}/${this.select}` : this.select);
    if (this.q) parts.set("q", this.q);
    if (this.asOf) parts.set("as_of", this.asOf);
    const spot = this.window ? `#map=${this.window.zoom}/${this.window.lat.toFixed(5)}/${this.window.lon.toFixed(5)}` : "";
    const search = parts.toString().replaceAll("%2C", ",").replaceAll("%2F", "/");
    history.replaceState(null, "", `${location.pathname}?${search}${spot}`);
    const other = document.querySelector('[data-page="language"]');
    if (other) other.href = `${location.pathname}?${search}&lang=${document.documentElement.lang === "en" ? "vi" : "en"}${spot}`;
  }

  /** The filters of `layer` as the doors take them; `fields` tells which of them it has. */
  asked(layer, card) {
    const fields = new Map((card?.fields ?? []).map((field) => [field.name, field]));
    const asked = {};
    for (const [name, value] of Object.entries(this.filters)) {
      if (name === "border" && fields.has("border")) asked.border = value;
      else if (FILTERS.includes(name) && layer !== this.tab) continue;
      else if (name === "year" && (fields.has("due_on") || fields.has("occurred_at"))) asked.datetime = `${value}-01-01/${value}-12-31`;
      else if (name === "text" && layer === this.tab) asked.q = value;
      else if (name === "open" && fields.has("open")) asked.open = "true";
      else if (name === "open") Object.assign(asked, unfinished(fields, card));
      else if (layer === this.tab && fields.has(name)) asked[name] = value;
    }
    return asked;
  }
}

const FINISHED = new Set(["done", "closed", "dismissed", "cancelled", "ended"]);

/** Which words of the urgency, or else of the status, are not an end. */
function unfinished(fields, card) {
  const field = fields.get("urgency") ?? fields.get(card.status);
  return field?.codes ? { [field.name]: field.codes.map((code) => code.value).filter((value) => !FINISHED.has(value)) } : {};
}
