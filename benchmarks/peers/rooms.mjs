/** A room, a Set of sockets, for each tile that somebody looks at. */
export class Rooms {
  #rooms = new Map();
  #tiles = new Map();

  /** The sockets in `tile`'s room, or undefined where nobody is. */
  at(tile) {
    return this.#rooms.get(tile);
  }

  /** Put `socket` into the rooms of `tiles` and take it out of all others. */
  move(socket, tiles) {
    this.leave(socket);
    this.#tiles.set(socket, tiles);
    for (const tile of tiles) {
      const room = this.#rooms.get(tile);
      if (room === undefined) this.#rooms.set(tile, new Set([socket]));
      else room.add(socket);
    }
  }

  /** Take `socket` out of every room. */
  leave(socket) {
    for (const tile of this.#tiles.get(socket) ?? []) {
      const room = this.#rooms.get(tile);
      room.delete(socket);
      if (room.size === 0) this.#rooms.delete(tile);
    }
    this.#tiles.delete(socket);
  }
}
