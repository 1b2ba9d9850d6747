import fc from "fast-check";

/** One thing that goes wrong with a file's bytes. Places are taken modulo its length. */
export type ByteChange =
  | { readonly kind: "bit"; readonly at: number; readonly bit: number }
  | { readonly kind: "byte"; readonly at: number; readonly value: number }
  | { readonly kind: "number"; readonly at: number; readonly bytes: 4 | 8; readonly value: bigint }
  | { readonly kind: "add"; readonly at: number; readonly bytes: 4 | 8; readonly value: bigint }
  | { readonly kind: "remove" | "repeat"; readonly at: number; readonly length: number }
  | { readonly kind: "insert"; readonly at: number; readonly inserted: Uint8Array }
  | { readonly kind: "truncate"; readonly at: number }
  | { readonly kind: "append"; readonly length: number; readonly value: number }
  | { readonly kind: "swap"; readonly at: number; readonly other: number; readonly length: number }
  | { readonly kind: "splice"; readonly at: number; readonly from: number };

/** The bytes after the changes. @param other - the file that a splice goes on with */
export function changeBytes(
  bytes: Uint8Array,
  changes: readonly ByteChange[],
  other: Uint8Array,
): Uint8Array<ArrayBuffer> {
  return changes.reduce<Uint8Array<ArrayBuffer>>((before, change) => changeOnce(before, change, other), bytes.slice());
}

function changeOnce(bytes: Uint8Array<ArrayBuffer>, change: ByteChange, other: Uint8Array): Uint8Array<ArrayBuffer> {
  const { length } = bytes;
  if (change.kind === "append") return join(bytes, new Uint8Array(change.length).fill(change.value));
  if (length === 0) return bytes;
  const at = change.at % length;
  switch (change.kind) {
    case "bit":
      bytes[at]! ^= 1 << change.bit;
      return bytes;
    case "byte":
      bytes[at] = change.value;
      return bytes;
    case "number":
    case "add":
      return setNumber(bytes, change);
    case "remove":
      return join(bytes.subarray(0, at), bytes.subarray(at + change.length));
    case "repeat":
      return join(bytes.subarray(0, at + change.length), bytes.subarray(at));
    case "insert":
      return join(bytes.subarray(0, at), change.inserted, bytes.subarray(at));
    case "truncate":
      return bytes.slice(0, at);
    case "swap":
      return swap(bytes, at, change.other % length, change.length);
    case "splice":
      return join(bytes.subarray(0, at), other.subarray(change.from % other.length));
  }
}

function setNumber(
  bytes: Uint8Array<ArrayBuffer>,
  { kind, at, bytes: width, value }: Extract<ByteChange, { readonly kind: "number" | "add" }>,
): Uint8Array<ArrayBuffer> {
  if (bytes.length < width) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const place = at % (bytes.length - width + 1);
  const before = width === 4 ? BigInt(view.getUint32(place, true)) : view.getBigUint64(place, true);
  const after = BigInt.asUintN(width * 8, kind === "add" ? before + value : value);
  if (width === 4) view.setUint32(place, Number(after), true);
  else view.setBigUint64(place, after, true);
  return bytes;
}

function swap(bytes: Uint8Array<ArrayBuffer>, a: number, b: number, length: number): Uint8Array<ArrayBuffer> {
  const [first, second] = a < b ? [a, b] : [b, a];
  const count = Math.min(length, second - first, bytes.length - second);
  return join(
    bytes.subarray(0, first),
    bytes.subarray(second, second + count),
    bytes.subarray(first + count, second),
    bytes.subarray(first, first + count),
    bytes.subarray(second + count),
  );
}

function join(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let end = 0;
  for (const part of parts) {
    out.set(part, end);
    end += part.length;
  }
  return out;
}

/** The ends of the ranges of all types that a length or an offset may be read as. */
const edges: readonly bigint[] = [0, 1, 7, 8, 15, 16, 31, 32, 53, 62, 63, 64].flatMap((bits) => {
  const power = 2n ** BigInt(bits);
  return [power - 1n, power, power + 1n];
});

/** Half of them hit the beginning, where headers are. @param header - bytes */
export function byteChanges(header: number): fc.Arbitrary<readonly ByteChange[]> {
  const at = fc.oneof(fc.nat({ max: Math.max(1, header) }), fc.nat());
  const length = fc.oneof(fc.nat({ max: 16 }), fc.nat({ max: 4096 }));
  const bytes = fc.constantFrom<4 | 8>(4, 8);
  const kind = <K extends ByteChange["kind"]>(...kinds: readonly K[]): fc.Arbitrary<K> => fc.constantFrom(...kinds);
  const byte = fc.oneof(
    fc.nat({ max: 255 }),
    fc.constantFrom(...Buffer.from('{}[]",:0123456789.-+eE\\ \n\0\xff', "latin1")),
  );
  const change: fc.Arbitrary<ByteChange> = fc.oneof(
    fc.record({ kind: kind("bit"), at, bit: fc.nat({ max: 7 }) }),
    fc.record({ kind: kind("byte"), at, value: byte }),
    fc.record({ kind: kind("number"), at, bytes, value: fc.constantFrom(...edges) }),
    fc.record({
      kind: kind("add"),
      at,
      bytes,
      value: fc.constantFrom(-32n, -8n, -1n, 1n, 8n, 32n, 2n ** 16n, 2n ** 32n),
    }),
    fc.record({ kind: kind("remove", "repeat"), at, length }),
    fc.record({ kind: kind("insert"), at, inserted: fc.uint8Array({ maxLength: 16 }) }),
    fc.record({ kind: kind("truncate"), at }),
    fc.record({ kind: kind("append"), length: fc.nat({ max: 4096 }), value: byte }),
    fc.record({ kind: kind("swap"), at, other: at, length }),
    fc.record({ kind: kind("splice"), at, from: at }),
  );
  return fc.array(change, { minLength: 1, maxLength: 3 });
}
