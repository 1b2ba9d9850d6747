import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { SkeinError } from "../src/index.ts";
import { type ByteChange, byteChanges, changeBytes } from "./hostile/change-bytes.ts";
import { changeJson, type JsonChange, jsonChanges } from "./hostile/change-json.ts";
import { type Format, formats } from "./hostile/formats.ts";
import { limitAllocations } from "./hostile/limit-allocations.ts";

/** Changed files that are tried at least, all formats together. */
const leastFiles = 20_000;
/** What reading a file may allocate at once: a few copies, numbers of 2 bytes widened to 4, and small things. */
const mostBytes = (file: Uint8Array): number => 16 * file.length + 2 ** 20;

let tried = 0;
afterAll(() => {
  console.info(`${tried} changed files were read`);
});

describe.each(await formats())("$name", (format) => {
  test("the files that are changed below are valid", async () => {
    for (const sample of format.samples) for (const read of format.readers) await read(sample);
  });

  test(`${format.runs} changed files: each is read, or refused with an error that names it`, async () => {
    const bytes = byteChanges(format.headerBytes).map((changes) => ({ changes }));
    const json = jsonChanges().map((jsonChanges) => ({ jsonChanges }));
    const changed: fc.Arbitrary<Changed> = fc.oneof(bytes, ...(format.json ? [json] : []));
    // A counterexample is printed with the seed and path that lead to it.
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: format.samples.length - 1 }), changed, async (sample, change) => {
        tried += 1;
        await readChanged(format, await apply(format, sample, change));
      }),
      { numRuns: format.runs, seed: 20_000 },
    );
  }, 600_000);
});

test("these were enough", () => {
  expect(tried).toBeGreaterThanOrEqual(leastFiles);
});

type Changed = { readonly changes: readonly ByteChange[] } | { readonly jsonChanges: readonly JsonChange[] };

async function apply({ samples, json }: Format, index: number, change: Changed): Promise<Uint8Array<ArrayBuffer>> {
  const sample = samples[index]!;
  if ("changes" in change) return changeBytes(sample, change.changes, samples[(index + 1) % samples.length]!);
  return json!.set(sample, changeJson(json!.get(sample), change.jsonChanges));
}

async function readChanged({ readers, files }: Format, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  for (const read of readers) {
    try {
      await limitAllocations(mostBytes(bytes), () => read(bytes));
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
      expect(error.code).not.toBe("internal");
      expect(error.message).toMatch(/^[^\n\r]{1,1000}$/);
      expect(
        files.some((file) => error.message.includes(file)),
        error.message,
      ).toBe(true);
    }
  }
}
