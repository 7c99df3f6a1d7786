/**
 * The JSON that the server sends to the pages, as types for `tsc`. The browser never loads this file.
 */

/** A title in both languages of the pages. */
interface Title {
  vi: string;
  en: string;
}

/** A shape of the sprite `/marks.svg` and its colour. */
interface Mark {
  shape?: string;
  colour?: string;
}

/** A value of a code list; `onward` names the values that a transition may lead to. */
interface Code {
  value: string;
  title: Title;
  mark: Mark | null;
  onward: string[];
  /** What pages ask of it: `finished`, `not_begun`, `waiting`, `needs_action`, `stands_out`, `quiet`. */
  flags: string[];
  /** The rank of its colour among those that ask for attention; 0 asks for most. */
  attention: number;
}

/** How pages show a layer, as its card declares it (`gis/model/display.py`). */
interface Display {
  /** Templates with fields in braces, such as `{code} · {category}`. */
  label: Title;
  short: Title;
  on_map: string;
  /** The name of one feature, in lower case. */
  singular: Title;
  /** Fields of the second line of a row, and those of which the first with a value is at its end. */
  under: string[];
  beside: string[];
  columns: string[];
  filters: string[];
  /** Number fields that lists sum up, and fields with the date since when their value holds. */
  totals: string[];
  since: Record<string, string>;
  /** Fields of the popup, and those that the record does not list. */
  facts: string[];
  hidden: string[];
  mark: Mark;
  /** A field whose codes that stand out are drawn as a second mark. */
  second_mark: string | null;
  group: Code | null;
  /** The order in navigation and on the map; marks of lower ranks are drawn above. */
  rank: number;
  drawn_at_first: boolean;
  tab: boolean;
  /** Whether marks name a place, so that they are never moved. */
  fixed: boolean;
  /** Whether the basemap draws the layer, so that it is not in the list of layers. */
  in_basemap: boolean;
  link_role: string | null;
  /** The child resource whose rows change the status, and the one whose rows are steps. */
  status_by: string | null;
  checklist: string | null;
  /** The field by which texts of other layers name a feature, its last day in force, and the name of what followed. */
  named_by: string | null;
  ends: string | null;
  successor: string | null;
  new_page: string | null;
}

interface Field {
  name: string;
  title: Title;
  type: string;
  /** The kind of input in forms, by the type; null for a field without an input. */
  input: string | null;
  codes: Code[] | null;
  required: boolean;
  /** Whether a client may send it. */
  receivable: boolean;
  unit: string | null;
  /** Limits of a number: its range, and how many decimal places are stored. */
  minimum: number | null;
  maximum: number | null;
  decimals: number | null;
  max_length: number | null;
  /** The layer whose features the text names, such as the register of units. */
  register: string | null;
}

/** A table whose rows belong to a feature, such as the inspections of a marker. */
interface ChildTable {
  name: string;
  /** The last part of the path of its rows. */
  path: string;
  title: Title;
  /** Whether the reader may add rows to features that it may change. */
  addable: boolean;
  fields: Field[];
}

/** The card of a layer in `/api/layers`: its fields, and what the reader may do. */
interface LayerCard {
  name: string;
  title: Title;
  geometry: string | null;
  /** The field whose code gives a feature its mark. */
  drawn_by: string | null;
  /** The field that `datetime` filters. */
  dated: string | null;
  /** Fields that are always stated with the geometry, such as whether a line is demarcated. */
  stated_with_geometry: string[];
  /** The field that holds the status. */
  status: string | null;
  fields: Field[];
  display: Display;
  parts?: ChildTable[];
  /** The kinds of the dated events by which the status changes. */
  kinds_of_events?: Code[];
  editable: boolean;
  creatable: boolean;
  /** Whether the status changes by transitions. */
  movable: boolean;
  /** Whether the reader may set the position of features. */
  places: boolean;
}

/** The properties of a feature, by the names of its layer's fields. */
type Properties = Record<string, any>;

/** A GeoJSON feature of a layer; if it was read alone, with headers of the response. */
interface LayerFeature {
  type: "Feature";
  id: string;
  geometry: GeoJSON.Geometry | null;
  properties: Properties;
  etag?: string | null;
  /** The methods that the reader may use on it, as in the header `Allow`. */
  allows?: string | null;
}

/** What drawing needs of a feature; features of vector tiles have only properties. */
type DrawableFeature = Pick<LayerFeature, "properties"> & { geometry?: GeoJSON.Geometry | object | null };

/** A location of `/api/locate`. */
interface LocatedFeature extends GeoJSON.Feature<GeoJSON.Geometry | null, Properties> {}

interface LocateResponse {
  features: LocatedFeature[];
  other_zones?: OtherZone[];
}

/** Where the same VN-2000 coordinates lie under another central meridian. */
interface OtherZone {
  meridian: number | string;
  address?: string | null;
  lat: number;
  lon: number;
}

/** A position that was tapped on the map or measured by the device; `accuracy` in metres. */
interface Position {
  lat: number;
  lon: number;
  source: string;
  accuracy?: number | null;
}

/** A position in a request body: coordinates, or text that the server locates. */
type PositionInput =
  | { geometry: GeoJSON.Point; position_source: string; accuracy_m?: number }
  | { geometry?: undefined; place: { text: string; border?: string; written?: string } };

/** A response with status 400 or above, as RFC 9457 describes it. */
interface Problem {
  title?: string;
  detail?: string;
  errors?: FieldError[];
  /** Marker numbers near one that does not exist. */
  numbers?: string[];
}

interface FieldError {
  field: string;
  detail: string;
}

/** An entry of a feature's history: a change of the feature, or of a row of a child table or a link (`part`). */
interface HistoryEntry {
  at: string;
  actor: string;
  action: string;
  reason?: string | null;
  request?: string | null;
  device_at?: string | null;
  changes?: Record<string, { old: any; new: any }>;
  moved_m?: number | null;
  part?: string | null;
  about?: { role: string; direction: string; title?: string | null; at?: string | null };
}

/** A link from (`from`) or to (`to`) another feature, or to a marker address (`at`). */
interface Link {
  link: string;
  role: string;
  direction: string;
  layer: string;
  id: string | null;
  title: string | null;
  at: string | null;
  border: string | null;
}

/** A step of the neighbour's procedure for a work. */
interface ProcedureStep {
  code: string;
  title: Title;
  due_on: string | null;
  done_on: string | null;
  document: string | null;
  note: string | null;
  source: string | null;
}

/** A dated event; `precision` is `day`, `month` or `year`. */
interface GateEvent {
  kind: string;
  on: string;
  precision?: string;
  document?: string | null;
  note?: string | null;
  source?: string;
}

interface Person {
  id: string;
  name: string;
  title?: string | null;
  role?: string;
  unit?: string | null;
  second_factor?: boolean;
}

/** The JSON in a page. Each page contains what its scripts need. */
interface PageData {
  /** The past time that the page shows (`as_of`), RFC 3339; empty for the present. */
  past?: string | null;
  /** Latitude, longitude and zoom of the first view. */
  home: [number, number, number];
  tabs: string[];
  /** The layers that the board's map draws, with their filters. */
  overlays?: { layer: string; filter: Record<string, string> }[];
  [name: string]: any;
}

/** The properties that `element` takes: DOM properties, attributes and, named `on…`, event listeners. */
interface ElementProperties {
  [listener: `on${string}`]: ((event: any) => unknown) | null;
  [name: string]: any;
}

type Child = Node | string | null | undefined | false;

/** The outcome of a change: a text to show, and a function that undoes it. */
interface Outcome {
  text?: string;
  undo?: (() => Promise<unknown>) | null;
}

interface Window {
  /** The map that `/map.js` makes, and its overlays by the names of their layers. */
  map_main: L.Map;
  map_overlays: Record<string, L.FeatureGroup>;
}
