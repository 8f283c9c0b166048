/**
 * Socket.IO with a room per tile, tuned as its page on performance advises: WebSocket only, the native
 * add-ons of `ws` (found by being installed), binary packets in one frame each by the MessagePack
 * parser, no compression, and the request of the handshake let go.
 */
import { createServer } from "node:http";
import { Server } from "socket.io";
import parser from "socket.io-msgpack-parser";
import { HOST, isPixel, isView, PORT, pixelTile, viewTiles } from "./wire.mjs";

const http = createServer();
const io = new Server(http, {
  httpCompression: false,
  maxHttpBufferSize: 64 * 1024,
  parser,
  perMessageDeflate: false,
  serveClient: false,
  transports: ["websocket"],
});

io.engine.on("connection", (raw) => {
  raw.request = null;
});

io.on("connection", (socket) => {
  let joined = [];
  socket.on("v", (view) => {
    if (!Buffer.isBuffer(view) || !isView(view)) return socket.disconnect(true);
    for (const room of joined) socket.leave(room);
    joined = viewTiles(view).map(String);
    socket.join(joined);
    socket.emit("r");
  });
  socket.on("p", (pixel) => {
    if (!Buffer.isBuffer(pixel) || !isPixel(pixel)) return socket.disconnect(true);
    io.to(String(pixelTile(pixel))).emit("p", pixel);
  });
});

http.listen({ host: HOST, port: PORT, backlog: 4096 });
