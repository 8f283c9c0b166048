/** Node `ws` with a room per tile: every change goes to its room as it comes. */
import { WebSocket } from "ws";
import { serve } from "./ws_server.mjs";

const rooms = serve((tile, pixel) => {
  for (const socket of rooms.at(tile) ?? []) {
    if (socket.readyState === WebSocket.OPEN) socket.send(pixel);
  }
});
