// Vector tiles (Mapbox Vector Tile 2.1, protocol buffers) as features: properties, kind of geometry and its parts.

const text = new TextDecoder();

/** The fields of a message: calls `field(number, value)`, where a value is a number, or the bytes of what is inside. */
function message(bytes, field) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const kind = key & 7;
    if (kind === 0) field(key >> 3, varint());
    else if (kind === 1) field(key >> 3, view.getFloat64((at += 8) - 8, true));
    else if (kind === 5) field(key >> 3, view.getFloat32((at += 4) - 4, true));
    else {
      const size = varint();
      field(key >> 3, bytes.subarray(at, (at += size)));
    }
  }
}

/** The whole numbers that are packed into a field. */
function packed(bytes) {
  const numbers = [];
  let value = 0;
  let scale = 1;
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      numbers.push(value);
      value = 0;
      scale = 1;
    }
  }
  return numbers;
}

const signed = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

/** Every feature of a tile: `{properties, kind, parts}`; places are parts of the tile's side, from its north-west corner. */
export function features(buffer) {
  const found = [];
  message(new Uint8Array(buffer), (number, layer) => number === 3 && found.push(...ofLayer(layer)));
  return found;
}

function ofLayer(bytes) {
  const keys = [];
  const values = [];
  const drawn = [];
  let extent = 4096;
  message(bytes, (number, value) => {
    if (number === 2) drawn.push(value);
    else if (number === 3) keys.push(text.decode(value));
    else if (number === 4) message(value, (kind, one) => values.push(kind === 1 ? text.decode(one) : kind === 6 ? signed(one) : kind === 7 ? Boolean(one) : one));
    else if (number === 5) extent = value;
  });
  return drawn.map((one) => {
    const feature = { properties: {}, kind: 0, parts: [] };
    message(one, (number, value) => {
      if (number === 2) packed(value).forEach((tag, place, tags) => place % 2 || (feature.properties[keys[tag]] = values[tags[place + 1]]));
      else if (number === 3) feature.kind = value;
      else if (number === 4) feature.parts = parts(packed(value), extent);
    });
    return feature;
  });
}

const MOVE = 1;
const LINE = 2;

/** The geometry's commands as lists of points, one for each move. */
function parts(commands, extent) {
  const found = [];
  let [x, y, at] = [0, 0, 0];
  while (at < commands.length) {
    const command = commands[at] & 7;
    const count = commands[at++] >> 3;
    for (let n = 0; n < count; n++) {
      if (command !== MOVE && command !== LINE) found.at(-1)?.push(found.at(-1)[0]);
      else {
        x += signed(commands[at++]);
        y += signed(commands[at++]);
        if (command === MOVE) found.push([]);
        found.at(-1).push([x / extent, y / extent]);
      }
    }
  }
  return found;
}
