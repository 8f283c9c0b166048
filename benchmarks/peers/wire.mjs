/** What the Node peers speak: see the table in README.md. All numbers are little-endian. */

export const PIXEL_BYTES = 8;
export const VIEW_BYTES = 9;
export const READY = Buffer.of(1);
const VIEW = 1;
const PIXEL = 0;
const TILE_SHIFT = 6;

/** Whether `data`, a Buffer, is one pixel: 0, x u16, y u16, r, g, b. */
export function isPixel(data) {
  return data.length === PIXEL_BYTES && data[0] === PIXEL;
}

/** Whether `data`, a Buffer, is a view: 1, then the first and last tile column and row as u16. */
export function isView(data) {
  return data.length === VIEW_BYTES && data[0] === VIEW;
}

/** A tile's number: column and row, ten bits each, as one small integer. */
export function tileKey(column, row) {
  return (row << 10) | column;
}

/** The number of the tile that a pixel lies in. */
export function pixelTile(data) {
  return tileKey(data.readUInt16LE(1) >> TILE_SHIFT, data.readUInt16LE(3) >> TILE_SHIFT);
}

/** The numbers of all tiles of a view. */
export function viewTiles(data) {
  const [left, top] = [data.readUInt16LE(1), data.readUInt16LE(3)];
  const [right, bottom] = [data.readUInt16LE(5), data.readUInt16LE(7)];
  const tiles = [];
  for (let row = top; row <= bottom; row += 1) {
    for (let column = left; column <= right; column += 1) tiles.push(tileKey(column, row));
  }
  return tiles;
}

/** The port from the command line; with it, every peer listens on the loopback alone. */
export const HOST = "127.0.0.1";
export const PORT = Number(process.argv[2]);
