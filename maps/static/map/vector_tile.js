// The features of vector tiles (Mapbox Vector Tile 2.1), decoded by @mapbox/vector-tile.

import { PbfReader } from "../vendor/pbf/index.js";
import { VectorTile } from "../vendor/vector-tile/index.js";

/**
 * A feature of a tile. Each part is a list of points: one for a point geometry, several for a line or ring. Coordinates
 * are fractions of the tile's side, from its north-west corner.
 * @typedef {object} TileFeature
 * @property {Properties} properties
 * @property {number} kind 1 for points, 2 for lines, 3 for polygons.
 * @property {[number, number][][]} parts
 */

/**
 * The features of all layers of a tile.
 * @param {ArrayBuffer} buffer
 */
export function decodeTile(buffer) {
  /** @type {TileFeature[]} */
  const features = [];
  for (const layer of Object.values(new VectorTile(new PbfReader(buffer)).layers)) {
    for (let index = 0; index < layer.length; index++) {
      const feature = layer.feature(index);
      /** @type {(point: { x: number, y: number }) => [number, number]} */
      const fractions = ({ x, y }) => [x / layer.extent, y / layer.extent];
      const parts = feature.loadGeometry().map((part) => part.map(fractions));
      features.push({ properties: feature.properties, kind: feature.type, parts });
    }
  }
  return features;
}
