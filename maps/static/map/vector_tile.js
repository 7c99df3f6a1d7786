// A decoder for vector tiles (Mapbox Vector Tile 2.1, in protocol buffers).

/**
 * A feature of a tile. Each part is a list of points: one for a point geometry, several for a line or ring. Coordinates
 * are fractions of the tile's side, from its north-west corner.
 * @typedef {object} TileFeature
 * @property {Properties} properties
 * @property {number} kind 1 for points, 2 for lines, 3 for polygons.
 * @property {[number, number][][]} parts
 */

const utf8 = new TextDecoder();

/**
 * The features of all layers of a tile.
 * @param {ArrayBuffer} buffer
 */
export function decodeTile(buffer) {
  /** @type {TileFeature[]} */
  const features = [];
  readMessage(new Uint8Array(buffer), (number, value) => {
    if (number === 3) features.push(...decodeLayer(value));
  });
  return features;
}

/**
 * Call `onField` with the number and the value of each field of a message. The value is a number or, for
 * length-delimited fields, bytes.
 * @param {Uint8Array} bytes
 * @param {(number: number, value: any) => void} onField
 */
function readMessage(bytes, onField) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let offset = 0;
  const varint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[offset++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (offset < bytes.length) {
    const key = varint();
    const [number, wireType] = [key >> 3, key & 7];
    if (wireType === 0) onField(number, varint());
    else if (wireType === 1) onField(number, view.getFloat64((offset += 8) - 8, true));
    else if (wireType === 5) onField(number, view.getFloat32((offset += 4) - 4, true));
    else {
      const size = varint();
      onField(number, bytes.subarray(offset, (offset += size)));
    }
  }
}

/**
 * The varints of a packed field.
 * @param {Uint8Array} bytes
 */
function unpack(bytes) {
  const numbers = [];
  let [value, scale] = [0, 1];
  for (const byte of bytes) {
    value += (byte & 127) * scale;
    scale *= 128;
    if (byte < 128) {
      numbers.push(value);
      [value, scale] = [0, 1];
    }
  }
  return numbers;
}

/** @param {number} value A number in zigzag encoding. */
const decodeZigzag = (value) => (value % 2 ? -(value + 1) / 2 : value / 2);

/** @param {Uint8Array} bytes */
function decodeLayer(bytes) {
  /** @type {string[]} */
  const keys = [];
  /** @type {unknown[]} */
  const values = [];
  /** @type {Uint8Array[]} */
  const features = [];
  let extent = 4096;
  readMessage(bytes, (number, value) => {
    if (number === 2) features.push(value);
    else if (number === 3) keys.push(utf8.decode(value));
    else if (number === 4) readMessage(value, (type, scalar) => values.push(decodeScalar(type, scalar)));
    else if (number === 5) extent = value;
  });
  return features.map((feature) => decodeFeature(feature, keys, values, extent));
}

/**
 * @param {number} type
 * @param {any} value
 */
function decodeScalar(type, value) {
  if (type === 1) return utf8.decode(value);
  if (type === 6) return decodeZigzag(value);
  return type === 7 ? Boolean(value) : value;
}

/**
 * @param {Uint8Array} bytes
 * @param {string[]} keys
 * @param {unknown[]} values
 * @param {number} extent
 */
function decodeFeature(bytes, keys, values, extent) {
  /** @type {TileFeature} */
  const feature = { properties: {}, kind: 0, parts: [] };
  readMessage(bytes, (number, value) => {
    if (number === 2) {
      const tags = unpack(value);
      for (let n = 0; n < tags.length; n += 2) feature.properties[keys[tags[n]]] = values[tags[n + 1]];
    } else if (number === 3) feature.kind = value;
    else if (number === 4) feature.parts = decodeGeometry(unpack(value), extent);
  });
  return feature;
}

const MOVE_TO = 1;
const LINE_TO = 2; // the third command, 7, closes a ring

/**
 * @param {number[]} commands
 * @param {number} extent
 */
function decodeGeometry(commands, extent) {
  /** @type {[number, number][][]} */
  const parts = [];
  let [x, y, offset] = [0, 0, 0];
  while (offset < commands.length) {
    const command = commands[offset] & 7;
    const count = commands[offset++] >> 3;
    for (let n = 0; n < count; n++) {
      if (command !== MOVE_TO && command !== LINE_TO) {
        const ring = parts.at(-1);
        ring?.push(ring[0]);
        continue;
      }
      x += decodeZigzag(commands[offset++]);
      y += decodeZigzag(commands[offset++]);
      if (command === MOVE_TO) parts.push([]);
      parts.at(-1)?.push([x / extent, y / extent]);
    }
  }
  return parts;
}
