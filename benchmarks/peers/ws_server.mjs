import { WebSocketServer } from "ws";
import { Rooms } from "./rooms.mjs";
import { HOST, isPixel, isView, PORT, pixelTile, READY, viewTiles } from "./wire.mjs";

/**
 * Serve rooms per tile over `ws`, as its README advises: no compression, and no set of clients kept
 * by the library, since the rooms are one.
 *
 * `forward(tile, pixel)` gets each pixel that comes, as the Buffer that `ws` made of it. Returns the
 * rooms.
 */
export function serve(forward) {
  const rooms = new Rooms();
  const server = new WebSocketServer({
    host: HOST,
    port: PORT,
    backlog: 4096,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: 64 * 1024,
  });
  server.on("connection", (socket) => {
    socket.on("error", () => socket.terminate());
    socket.on("close", () => rooms.leave(socket));
    socket.on("message", (data) => {
      if (isPixel(data)) {
        forward(pixelTile(data), data);
      } else if (isView(data)) {
        rooms.move(socket, viewTiles(data));
        socket.send(READY);
      } else {
        socket.close(1003);
      }
    });
  });
  return rooms;
}
