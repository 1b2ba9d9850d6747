import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { readHubSettings } from "./settings.ts";

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), "skein-hub-home-"));
});
afterAll(() => rm(home, { recursive: true }));

const read = (environment: Record<string, string>) => readHubSettings({ environment, home: () => home });

test("the cache is where Python has it", async () => {
  const cacheOf = async (environment: Record<string, string>) => (await read(environment)).cache;
  expect(await cacheOf({})).toBe(join(home, ".cache/huggingface/hub"));
  expect(await cacheOf({ XDG_CACHE_HOME: "/caches" })).toBe("/caches/huggingface/hub");
  expect(await cacheOf({ XDG_CACHE_HOME: "/caches", HF_HOME: "/hf" })).toBe("/hf/hub");
  expect(await cacheOf({ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old" })).toBe("/old");
  expect(await cacheOf({ HF_HOME: "/hf", HUGGINGFACE_HUB_CACHE: "/old", HF_HUB_CACHE: "/new" })).toBe("/new");
  expect(await cacheOf({ HF_HOME: "~/hf" })).toBe(join(home, "hf/hub"));
  expect(await cacheOf({ HF_HOME: ["$DATA/x$", "{NAME}y/$NONE"].join(""), DATA: "/data", NAME: "hf" })).toBe(
    "/data/xhfy/$NONE/hub",
  );
  expect(await cacheOf({ HF_HOME: "", HF_HUB_CACHE: "" })).toBe(join(home, ".cache/huggingface/hub"));
});

test("a token comes from the environment, then from the file that Python's login writes", async () => {
  const tokenOf = async (environment: Record<string, string>) => (await read(environment)).token;
  const hf = join(home, "hf");
  expect(await tokenOf({ HF_HOME: hf })).toBeUndefined();
  await writeFile(join(home, "token"), "hf_file\n");
  expect(await tokenOf({ HF_HOME: home })).toEqual({ value: "hf_file", origin: join(home, "token") });
  expect(await tokenOf({ HF_HOME: hf, HF_TOKEN_PATH: "~/token" })).toMatchObject({ value: "hf_file" });
  expect(await tokenOf({ HF_HOME: home, HUGGING_FACE_HUB_TOKEN: "old" })).toEqual({
    value: "old",
    origin: "HUGGING_FACE_HUB_TOKEN",
  });
  expect(await tokenOf({ HF_HOME: home, HUGGING_FACE_HUB_TOKEN: "old", HF_TOKEN: " new\n" })).toMatchObject({
    value: "new",
  });
  expect(await tokenOf({ HF_HOME: home, HF_TOKEN: "new", HF_HUB_DISABLE_IMPLICIT_TOKEN: "1" })).toBeUndefined();
});

test("a token that cannot be sent is refused, and not shown", async () => {
  const error = (await read({ HF_TOKEN: "secret\r\nX-Other: 1" }).catch((reason: unknown) => reason)) as Error;
  expect(error).toMatchObject({ code: "invalid_option", option: "HF_TOKEN" });
  expect(error.message).not.toContain("secret");
});

test("offline is what Python takes for true, and known by the variable that says so", async () => {
  for (const [value, offline] of Object.entries({
    1: true,
    true: true,
    ON: true,
    yes: true,
    0: false,
    false: false,
    x: false,
  }))
    expect((await read({ HF_HUB_OFFLINE: value })).offline, value).toBe(offline ? "HF_HUB_OFFLINE" : undefined);
  expect((await read({ TRANSFORMERS_OFFLINE: "1" })).offline).toBe("TRANSFORMERS_OFFLINE");
  expect((await read({ HF_HUB_OFFLINE: "", TRANSFORMERS_OFFLINE: "1" })).offline).toBe("TRANSFORMERS_OFFLINE");
  expect((await read({ HF_HUB_OFFLINE: "0", TRANSFORMERS_OFFLINE: "1" })).offline).toBeUndefined();
  expect((await read({})).offline).toBeUndefined();
});

test("an endpoint loses the slash at its end; what is none is refused", async () => {
  expect((await read({})).endpoint).toBe("https://huggingface.co");
  expect((await read({ HF_ENDPOINT: "https://hf-mirror.com/" })).endpoint).toBe("https://hf-mirror.com");
  expect((await read({ HF_ENDPOINT: "http://host:8080/hf/" })).endpoint).toBe("http://host:8080/hf");
  for (const wrong of ["hf-mirror.com", "ftp://x", "https://user:pass@x", "https://x?y"])
    await expect(read({ HF_ENDPOINT: wrong }), wrong).rejects.toMatchObject({ option: "HF_ENDPOINT" });
});

test("timeouts are in seconds", async () => {
  expect(await read({})).toMatchObject({ questionTimeout: 10_000, downloadTimeout: 10_000 });
  expect(await read({ HF_HUB_ETAG_TIMEOUT: "3", HF_HUB_DOWNLOAD_TIMEOUT: "60" })).toMatchObject({
    questionTimeout: 3000,
    downloadTimeout: 60_000,
  });
  for (const wrong of ["0", "-1", "x", "1e9"])
    await expect(read({ HF_HUB_DOWNLOAD_TIMEOUT: wrong }), wrong).rejects.toMatchObject({ code: "invalid_option" });
});
