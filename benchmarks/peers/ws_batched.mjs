/**
 * Node `ws` with a room per tile, in batches: the best that one would build by hand.
 *
 * What came for a tile in 16 ms is one frame, built once for the whole room; a socket is corked at its
 * first frame of a tick and uncorked at the end, so each gets one write however many tiles changed.
 */
import { Sender, WebSocket } from "ws";
import { serve } from "./ws_server.mjs";

const BATCH_MS = 16;
const FRAME = { fin: true, mask: false, opcode: 2, readOnly: false, rsv1: false };

let pending = new Map();

function flush() {
  if (pending.size === 0) return;
  const batches = pending;
  pending = new Map();
  const corked = new Set();
  for (const [tile, pixels] of batches) {
    const room = rooms.at(tile);
    if (room === undefined) continue;
    const frame = Buffer.concat(Sender.frame(Buffer.concat(pixels), FRAME));
    for (const socket of room) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      // What `ws` itself writes to. Without compression it queues nothing before it.
      const stream = socket._socket;
      if (!corked.has(stream)) {
        corked.add(stream);
        stream.cork();
      }
      stream.write(frame);
    }
  }
  for (const stream of corked) stream.uncork();
}

const rooms = serve((tile, pixel) => {
  const batch = pending.get(tile);
  if (batch === undefined) pending.set(tile, [pixel]);
  else batch.push(pixel);
});
// An interval and not a timeout after the first pixel: that one would add the flush's own time.
setInterval(flush, BATCH_MS);
