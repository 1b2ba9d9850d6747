import fc from "fast-check";
import { expect, test } from "vitest";
import { openTensors } from "./tensors.ts";
import { hostileFile, isRefusedBy } from "./test-hostile.ts";
import { float32File, safetensorsBytes } from "./test-safetensors.ts";

const FILE = "model.safetensors";
const valid = float32File({ "model.embed_tokens.weight": [1, 2, 3, 4], "model.norm.weight": [5, 6], bias: [7] });

/** Opens the file and reads all its tensors, as weights and as bytes. */
async function readAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const files = hostileFile(FILE, bytes);
  const index = await openTensors(files);
  for (const name of index.names) {
    expect((await index.readBytes(name)).length).toBeLessThanOrEqual(bytes.length);
    const dtype = index.entry(name)?.dtype;
    if (dtype === "F32" || dtype === "F16" || dtype === "BF16") {
      expect((await index.readFloat32(name)).byteLength).toBeLessThanOrEqual(2 * bytes.length);
    }
  }
}

/** Whether the file was refused. */
function isRefused(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return isRefusedBy(() => readAll(bytes));
}

test("the file that is changed below is valid", async () => {
  expect(await isRefused(valid)).toBe(false);
});

test("bytes changed, cut out or put in anywhere", async () => {
  const position = fc.nat({ max: valid.length });
  const change = fc.record({ position, remove: fc.nat({ max: 12 }), insert: fc.uint8Array({ maxLength: 12 }) });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
      let bytes = [...valid];
      for (const { position, remove, insert } of changes) {
        bytes = [...bytes.slice(0, position), ...insert, ...bytes.slice(position + remove)];
      }
      await isRefused(Uint8Array.from(bytes));
    }),
    { numRuns: 2000 },
  );
});

test("a byte of the header changed for another character that JSON has a use for", async () => {
  const headerEnd = valid.length - 28;
  const position = fc.integer({ min: 8, max: headerEnd - 1 });
  const character = fc.constantFrom(...'{}[]",:0123456789.-+eE\\ /nulltruefalse_');
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(position, character), { minLength: 1, maxLength: 3 }), async (changes) => {
      const bytes = valid.slice();
      for (const [at, text] of changes) bytes[at] = text.charCodeAt(0);
      await isRefused(bytes);
    }),
    { numRuns: 2000 },
  );
});

test("every prefix of the file is refused", async () => {
  for (let length = 0; length < valid.length; length += 1) {
    expect(await isRefused(valid.slice(0, length)), `${length} bytes`).toBe(true);
  }
});

test("any JSON as header", async () => {
  const number = fc.oneof(fc.nat({ max: 16 }), fc.double(), fc.maxSafeInteger());
  const entry = fc.record(
    {
      dtype: fc.oneof(fc.constantFrom("F32", "F16", "BF16", "I64", "F4", "__proto__"), fc.jsonValue()),
      shape: fc.oneof(fc.array(number, { maxLength: 3 }), fc.jsonValue()),
      data_offsets: fc.oneof(fc.array(number, { minLength: 2, maxLength: 2 }), fc.jsonValue()),
    },
    { requiredKeys: [] },
  );
  const header = fc.dictionary(fc.string(), fc.oneof(entry, fc.jsonValue()), { maxKeys: 4 });
  await fc.assert(
    fc.asyncProperty(fc.oneof(header, fc.jsonValue()), fc.nat({ max: 32 }), async (value, dataBytes) => {
      await isRefused(safetensorsBytes(JSON.stringify(value), dataBytes));
    }),
    { numRuns: 2000 },
  );
});

test("deeply nested and very long headers", async () => {
  expect(await isRefused(safetensorsBytes("[".repeat(1_000_000)))).toBe(true);
  expect(await isRefused(safetensorsBytes(`{"a":${"[".repeat(500_000)}${"]".repeat(500_000)}}`))).toBe(true);
  expect(await isRefused(safetensorsBytes(`{"${"a".repeat(1_000_000)}":1}`))).toBe(true);
  expect(
    await isRefused(
      safetensorsBytes(`{"a":{"dtype":"F32","shape":[${"1,".repeat(500_000)}2],"data_offsets":[0,4]}}`, 4),
    ),
  ).toBe(true);
});
