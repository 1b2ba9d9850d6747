import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { SkeinError } from "../index.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { measure } from "./evaluate-run.ts";
import { openSubject } from "./evaluate-subject.ts";

vi.mock(import("./evaluate-subject.ts"), async (load) => {
  const { openSubject: open } = await load();
  return { openSubject: vi.fn(open) };
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-evaluate-run-"));
  vi.stubEnv("SKEIN_STATE", folder);
  vi.spyOn(process.stderr, "write").mockReturnValue(true);
});
afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

const little: EvaluateFlags = {
  ...{ suites: ["passkey"], methods: ["none"], lengths: ["128"] },
  ...{ samples: 1, share: 1, seed: 1, keyEnv: "", lang: "en" },
};

/** Measures a little, and fails where behaviour is recognised. */
async function failWith(error: Error, flags: Partial<EvaluateFlags> = {}): ReturnType<typeof measure> {
  const open = vi.mocked(openSubject).getMockImplementation()!;
  vi.mocked(openSubject).mockImplementationOnce(async (...args) => ({
    ...(await open(...args)),
    recognise: () => Promise.reject(error),
  }));
  return measure(undefined, { ...little, ...flags }, { update: () => {}, clear: () => {} });
}

const journals = async (): Promise<number> => (await readdir(join(folder, "evaluations"))).length;

test("a server that fails while its behaviour is recognised leaves a result, and what --resume needs", async () => {
  const { result, forget } = await failWith(new SkeinError("endpoint_unreachable", "is gone"));
  await forget();
  expect([result.cells.length, result.behaviour, await journals()]).toEqual([1, undefined, 1]);
});

test("a mistake of ours while behaviour is recognised is no warning", async () => {
  await expect(failWith(new TypeError("x is undefined"))).rejects.toThrow(TypeError);
  expect(await journals()).toBe(1);
});

test("of what other commands kept those parts are counted that this one needs", async () => {
  const gone = new SkeinError("endpoint_unreachable", "is gone");
  await failWith(gone, { samples: 3 });
  const said = async (flags: Partial<EvaluateFlags>): Promise<unknown> => {
    vi.mocked(process.stderr.write).mockClear();
    await failWith(gone, { resume: true, ...flags });
    return vi.mocked(process.stderr.write).mock.calls[0]![0];
  };
  expect(await said({ lengths: ["192"] })).toContain("nothing of these settings to go on with");
  expect(await said({ lengths: ["128", "192"], samples: 2 })).toContain("goes on after 3 finished parts"); // 2 of 128, 1 of 192
});

test("one finished part is one", async () => {
  const said = async (flags: Partial<EvaluateFlags>): Promise<string> => {
    vi.mocked(process.stderr.write).mockClear();
    await expect(failWith(new TypeError("x is undefined"), flags)).rejects.toThrow(TypeError);
    return vi.mocked(process.stderr.write).mock.calls.join("");
  };
  const kept = /\b1 finished part is kept; the same command with --resume goes on/;
  expect(await said({})).toMatch(kept);
  expect(await said({})).toMatch(/an interrupted run had 1 finished part; without --resume it begins anew/);
  expect(await said({ resume: true })).toMatch(/goes on after 1 finished part\b.*\b1 finished part is kept/s);
});
