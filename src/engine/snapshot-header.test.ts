import { expect, test } from "vitest";
import { parseSnapshotHeader } from "./snapshot-header.ts";

const header = {
  fingerprint: "abc",
  adapter: null,
  layout: { layers: 1, keyValueHeads: 1, headDim: 8, blockTokens: 128, type: "f32" },
  encoding: { factor: 2, options: { method: "yarn", factor: 2, originalWindow: 64 } },
  context: {},
  plannedTokens: 0,
  length: 5,
  cached: 4,
};

test("a file that does not say whether its factor is kept, or says what it may not, keeps it", () => {
  expect(parseSnapshotHeader(header)).toEqual({ ...header, keepsFactor: true });
  for (const keepsFactor of [true, "false", 0, null, {}])
    expect(parseSnapshotHeader({ ...header, keepsFactor })).toEqual({ ...header, keepsFactor: true });
  expect(parseSnapshotHeader({ ...header, keepsFactor: false })).toEqual({ ...header, keepsFactor: false });
});
