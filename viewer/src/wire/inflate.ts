/** RFC 1950 streams (zlib), with everything checked that the library leaves unchecked. */
import { unzlibSync } from "fflate";

/**
 * Inflates a stream that must give exactly `length` bytes and have nothing after it.
 *
 * Returns null if it is damaged, needs a dictionary, or has another length.
 */
export function inflateExactly(stream: Uint8Array, length: number): Uint8Array<ArrayBuffer> | null {
  const bytes = inflate(stream, length);
  // The library finds the checksum at the stream's end and doesn't compare it. It also stops at
  // the last block wherever that ends: if it is content with a byte less, something follows it.
  if (bytes === null || adler32(bytes) !== bigEndian(stream)) return null;
  return inflate(stream.subarray(0, -1), length) === null ? bytes : null;
}

/** The same without checking the stream's checksum and end: for a server's own tiles. */
export function inflate(stream: Uint8Array, length: number): Uint8Array<ArrayBuffer> | null {
  if (stream.length < 6) return null;
  try {
    // One byte more than wanted, so that a longer result shows and none is ever bigger.
    const bytes = unzlibSync(stream, { out: new Uint8Array(length + 1) });
    return bytes.length === length ? (bytes as Uint8Array<ArrayBuffer>) : null;
  } catch {
    return null;
  }
}

function adler32(bytes: Uint8Array): number {
  let a = 1;
  let b = 0;
  for (let at = 0; at < bytes.length; ) {
    // So many sums stay below 2^32 without a division.
    const end = Math.min(at + 3800, bytes.length);
    for (; at < end; at++) {
      a += bytes[at];
      b += a;
    }
    a %= 65521;
    b %= 65521;
  }
  return b * 65536 + a;
}

function bigEndian(stream: Uint8Array): number {
  return new DataView(stream.buffer, stream.byteOffset).getUint32(stream.length - 4);
}
