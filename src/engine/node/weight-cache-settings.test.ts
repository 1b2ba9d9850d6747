import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { InvalidOptionError } from "../../errors.ts";
import { defaultLimit, freeSpace, readWeightCacheSettings } from "./weight-cache-settings.ts";

type Environment = Readonly<Record<string, string>>;

const read = (environment: Environment, system: NodeJS.Platform = "linux") =>
  readWeightCacheSettings({ environment, system, home: () => "/home/ada" });

describe("the folder", () => {
  test.each<[string, Environment, NodeJS.Platform, string]>([
    ["the home", {}, "linux", "/home/ada/.cache/skein/weights"],
    ["caches", { XDG_CACHE_HOME: "/var/caches" }, "linux", "/var/caches/skein/weights"],
    ["a relative one is ignored", { XDG_CACHE_HOME: "caches" }, "linux", "/home/ada/.cache/skein/weights"],
    ["macOS", { XDG_CACHE_HOME: "/var/caches" }, "darwin", "/home/ada/Library/Caches/skein/weights"],
    ["Windows", { LOCALAPPDATA: "/local" }, "win32", "/local/skein/weights"],
    ["Windows without", {}, "win32", "/home/ada/AppData/Local/skein/weights"],
    ["chosen", { SKEIN_CACHE: "/chosen", XDG_CACHE_HOME: "/var/caches" }, "linux", "/chosen"],
    ["chosen, empty", { SKEIN_CACHE: "" }, "linux", "/home/ada/.cache/skein/weights"],
    ["chosen, relative", { SKEIN_CACHE: "here" }, "darwin", resolve("here")],
    ["chosen, in the home", { SKEIN_CACHE: "~/here" }, "linux", "/home/ada/here"],
    ["chosen, not the home", { SKEIN_CACHE: "~here" }, "linux", resolve("~here")],
  ])("%s", (_, environment, system, folder) => {
    expect(read(environment, system).folder).toBe(folder);
  });

  test("without a home there is none, unless it is chosen", () => {
    const home = (): string => {
      throw new Error("no home");
    };
    const folderOf = (environment: Environment) =>
      readWeightCacheSettings({ environment, system: "linux", home }).folder;
    expect(folderOf({})).toBeUndefined();
    expect(folderOf({ SKEIN_CACHE: "/chosen" })).toBe("/chosen");
    expect(folderOf({ XDG_CACHE_HOME: "/caches" })).toBe("/caches/skein/weights");
  });
});

describe("the limit", () => {
  test.each([
    ["0", 0],
    ["0GB", 0],
    ["1000", 1000],
    ["20GB", 20e9],
    ["20 gb", 20e9],
    ["1.5GiB", 1.5 * 2 ** 30],
    ["500M", 5e8],
    ["2TiB", 2 * 2 ** 40],
    ["64kib", 65536],
    ["0.5b", 0],
  ])("%s", (text, bytes) => {
    expect(read({ SKEIN_CACHE_LIMIT: text }).limit).toBe(bytes);
  });

  test.each(["lots", "-1GB", "1e9", "20XB", "GB", "1,5GB", "9999999999999999999", "999999999999999TB", "NaN", "1GB 2"])(
    "%s is refused",
    (text) => {
      expect(() => read({ SKEIN_CACHE_LIMIT: text })).toThrow(InvalidOptionError);
      expect(() => read({ SKEIN_CACHE_LIMIT: text })).toThrow(/SKEIN_CACHE_LIMIT: must be a size such as 20GB/);
    },
  );

  test("by default a quarter of the space that there could be, at most 40 GB", async () => {
    expect(read({}).limit).toBeUndefined();
    expect(read({ SKEIN_CACHE_LIMIT: "" }).limit).toBeUndefined();
    const folder = join(tmpdir(), "not", "there", "yet");
    const free = await freeSpace(folder);
    expect(free).toBeGreaterThan(0);
    const limit = await defaultLimit(folder, 0);
    expect(limit).toBeLessThanOrEqual(40e9);
    expect(await defaultLimit(folder, 1e15)).toBe(40e9);
    // Other programs write to this disk meanwhile.
    if (free < 100e9) expect(limit / (free / 4)).toBeCloseTo(1, 1);
  });
});
