/**
 * Bytes to messages and back, driven by the generated table in `wire.gen.ts`.
 *
 * A frame is one or more whole messages back to back; a message's length follows from its type or
 * from the count at the end of its fixed part.
 */
import {
  CloseCode,
  FIRST_SKIPPABLE_TYPE,
  type FieldLayout,
  type Layout,
  type Message,
  type Pixel,
  type Scalar,
  SESSION_BYTES,
  TABLE,
} from "./wire.gen";

/** What the peer sent breaks the protocol; the connection is to be closed with `closeCode`. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly closeCode: number = CloseCode.MALFORMED;
}

export type Sender = "client" | "server";
type Value = number | string | Uint8Array | readonly (readonly number[])[];
type Fields = Record<string, Value>;

const SIZES: Record<Scalar, number> = { u8: 1, u16: 2, u32: 4, u64: 8, id: SESSION_BYTES };
const UPPER: Record<Exclude<Scalar, "id">, number> = {
  u8: 0xff,
  u16: 0xffff,
  u32: 0xffffffff,
  u64: Number.MAX_SAFE_INTEGER,
};
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const UTF8_OUT = new TextEncoder();

interface Row {
  readonly layout: Layout;
  readonly headBytes: number;
  readonly itemBytes: number;
}

const sizeOf = (fields: readonly FieldLayout[]) =>
  fields.reduce((bytes, [, scalar]) => bytes + SIZES[scalar], 0);

const ROWS: readonly Row[] = TABLE.map((layout) => ({
  layout,
  headBytes: sizeOf(layout.fields) + (layout.tail ? SIZES[layout.tail.count] : 0),
  itemBytes: layout.tail?.kind === "items" ? sizeOf(layout.tail.fields) : 1,
}));
const BY_MESSAGE = new Map(ROWS.map((row) => [row.layout.message, row]));
const PIXEL = BY_MESSAGE.get("Pixel") as Row;
const PIXEL_BYTES = 1 + PIXEL.headBytes;
const BY_SENDER: Record<Sender, Map<number, Row>> = {
  client: rowsOf("client"),
  server: rowsOf("server"),
};

function rowsOf(sender: Sender): Map<number, Row> {
  const rows = ROWS.filter(({ layout }) => layout.sender === sender || layout.sender === "both");
  return new Map(rows.map((row) => [row.layout.type, row]));
}

/**
 * All messages of a frame, in order; unknown types from 64 up are skipped. Byte fields are views
 * into `frame`.
 *
 * Throws {@link ProtocolError} if any part can't be parsed or is not `sender`'s to send.
 */
export function decode(frame: Uint8Array, sender: Sender): Message[] {
  if (frame.length === 0) throw new ProtocolError("the frame is empty");
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const rows = BY_SENDER[sender];
  const messages: Message[] = [];
  let at = 0;
  while (at < frame.length) {
    if (frame[at] === PIXEL.layout.type && at + PIXEL_BYTES <= frame.length) {
      messages.push(decodePixel(frame, at));
      at += PIXEL_BYTES;
      continue;
    }
    const row = rows.get(frame[at]);
    if (row === undefined) {
      at = skip(view, at);
      continue;
    }
    at = decodeOne(row, frame, view, at + 1, messages);
  }
  return messages;
}

/** By hand what the table says: most of what comes is pixels, thousands a second. */
function decodePixel(frame: Uint8Array, at: number): Pixel {
  return {
    type: "Pixel",
    x: frame[at + 1] | (frame[at + 2] << 8),
    y: frame[at + 3] | (frame[at + 4] << 8),
    r: frame[at + 5],
    g: frame[at + 6],
    b: frame[at + 7],
  };
}

function skip(view: DataView, at: number): number {
  const type = view.getUint8(at);
  if (type < FIRST_SKIPPABLE_TYPE) {
    throw new ProtocolError(`message type ${type} is unknown, or not the sender's to send`);
  }
  let end = at + 5;
  if (end <= view.byteLength) end += view.getUint32(at + 1, true);
  if (end > view.byteLength) throw new ProtocolError(`message of type ${type} is cut short`);
  return end;
}

function decodeOne(
  row: Row,
  frame: Uint8Array,
  view: DataView,
  start: number,
  messages: Message[],
): number {
  const { layout } = row;
  const cutShort = () => new ProtocolError(`${layout.message} is cut short`);
  let at = start + row.headBytes;
  if (at > frame.length) throw cutShort();
  const message: Fields = { type: layout.message };
  let from = start;
  for (const [name, scalar] of layout.fields) {
    message[name] = read(view, frame, from, scalar);
    from += SIZES[scalar];
  }
  const { tail } = layout;
  if (tail !== null) {
    const count = read(view, frame, from, tail.count) as number;
    const end = at + count * row.itemBytes;
    if (end > frame.length) throw cutShort();
    if (tail.kind === "items") message[tail.name] = readItems(view, frame, at, count, tail.fields);
    else if (tail.kind === "blob") message[tail.name] = frame.subarray(at, end);
    else message[tail.name] = readText(frame.subarray(at, end), layout.message);
    at = end;
  }
  const whole = message as unknown as Message;
  if (whole.type === "Viewport" && (whole.x0 > whole.x1 || whole.y0 > whole.y1)) {
    throw new ProtocolError("the VIEWPORT is inverted");
  }
  messages.push(whole);
  return at;
}

function read(view: DataView, frame: Uint8Array, at: number, scalar: Scalar): number | Uint8Array {
  switch (scalar) {
    case "u8":
      return view.getUint8(at);
    case "u16":
      return view.getUint16(at, true);
    case "u32":
      return view.getUint32(at, true);
    case "u64": {
      const value = view.getUint32(at + 4, true) * 2 ** 32 + view.getUint32(at, true);
      if (value > Number.MAX_SAFE_INTEGER) throw new ProtocolError("a u64 is 2^53 or more");
      return value;
    }
    case "id":
      return frame.slice(at, at + SESSION_BYTES);
  }
}

function readItems(
  view: DataView,
  frame: Uint8Array,
  start: number,
  count: number,
  fields: readonly FieldLayout[],
): number[][] {
  const items: number[][] = new Array(count);
  let at = start;
  for (let i = 0; i < count; i++) {
    const item: number[] = [];
    for (const [, scalar] of fields) {
      item.push(read(view, frame, at, scalar) as number);
      at += SIZES[scalar];
    }
    items[i] = item;
  }
  return items;
}

function readText(bytes: Uint8Array, message: string): string {
  try {
    return UTF8.decode(bytes);
  } catch {
    throw new ProtocolError(`${message} holds bad UTF-8`);
  }
}

/** The message's bytes, its type byte first. Throws RangeError if a value doesn't fit its field. */
export function encode(message: Message): Uint8Array<ArrayBuffer> {
  const row = BY_MESSAGE.get(message.type);
  if (row === undefined) throw new RangeError(`no message is called ${message.type}`);
  const { fields, tail, type } = row.layout;
  const values = message as unknown as Fields;
  const content = tail && values[tail.name];
  const bytes = typeof content === "string" ? UTF8_OUT.encode(content) : content;
  const count = bytes ? (bytes as { length: number }).length : 0;
  const frame = new Uint8Array(1 + row.headBytes + count * row.itemBytes);
  const view = new DataView(frame.buffer);
  frame[0] = type;
  let at = 1;
  for (const [name, scalar] of fields) {
    write(view, frame, at, scalar, values[name], name);
    at += SIZES[scalar];
  }
  if (tail === null) return frame;
  write(view, frame, at, tail.count, count, `${tail.name}'s length`);
  at += SIZES[tail.count];
  if (tail.kind !== "items") {
    frame.set(bytes as Uint8Array, at);
    return frame;
  }
  for (const item of bytes as readonly (readonly number[])[]) {
    for (const [i, [name, scalar]] of tail.fields.entries()) {
      write(view, frame, at, scalar, item[i], name);
      at += SIZES[scalar];
    }
  }
  return frame;
}

function write(
  view: DataView,
  frame: Uint8Array,
  at: number,
  scalar: Scalar,
  value: Value | undefined,
  name: string,
): void {
  if (scalar === "id") {
    if (!(value instanceof Uint8Array) || value.length !== SESSION_BYTES) {
      throw new RangeError(`${name} is not ${SESSION_BYTES} bytes`);
    }
    frame.set(value, at);
    return;
  }
  if (!Number.isInteger(value) || (value as number) < 0 || (value as number) > UPPER[scalar]) {
    throw new RangeError(`${name} is ${value}, which does not fit a ${scalar}`);
  }
  const number = value as number;
  if (scalar === "u8") view.setUint8(at, number);
  else if (scalar === "u16") view.setUint16(at, number, true);
  else if (scalar === "u32") view.setUint32(at, number, true);
  else {
    view.setUint32(at, number % 2 ** 32, true);
    view.setUint32(at + 4, Math.floor(number / 2 ** 32), true);
  }
}
