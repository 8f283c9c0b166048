import { describe, expect, test } from "vitest";
import { decode, encode, ProtocolError, type Sender } from "../src/wire/codec";
import { bytes, load, message } from "./vectors";

const { good, bad, unencodable } = load("codec");

describe("the shared vectors", () => {
  test.each(good)("decodes $name", (vector) => {
    const messages = (vector.messages as unknown[]).map(message);
    expect(decode(bytes(vector.hex), vector.sender as Sender)).toEqual(messages);
  });

  test.each(good.filter((vector) => !vector.decode_only))("encodes $name", (vector) => {
    const encoded = (vector.messages as unknown[]).map((each) => encode(message(each)));
    expect(encoded.flatMap((part) => [...part])).toEqual([...bytes(vector.hex)]);
  });

  test.each(bad)("refuses $name", (vector) => {
    let error: unknown;
    try {
      decode(bytes(vector.hex), vector.sender as Sender);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ProtocolError);
    expect((error as ProtocolError).closeCode).toBe(vector.error);
  });

  test.each(unencodable)("does not encode $name", (vector) => {
    expect(() => encode(message(vector.message))).toThrow(RangeError);
  });
});

test("reads a frame that is a view into a larger buffer", () => {
  const pixel = encode({ type: "Pixel", x: 1, y: 2, r: 3, g: 4, b: 5 });
  const padded = new Uint8Array([9, 9, 9, ...pixel, 9]);
  expect(decode(padded.subarray(3, -1), "server")).toEqual([
    { type: "Pixel", x: 1, y: 2, r: 3, g: 4, b: 5 },
  ]);
});

test("refuses a u64 that a number can't hold exactly", () => {
  const reset = encode({ type: "Reset", epoch: Number.MAX_SAFE_INTEGER, seq: 0 });
  expect(decode(reset, "server")).toHaveLength(1);
  reset[8] = 0xff;
  expect(() => decode(reset, "server")).toThrow(ProtocolError);
});
