import { lstat, mkdtemp, readdir, readFile, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { DownloadPlan } from "../hub.ts";
import { requireModelId } from "../model-id.ts";
import { findCached } from "./find-cached.ts";
import { pull } from "./pull.ts";
import type { HubSettings } from "./settings.ts";
import { fail, gitHash, randomBytes, sendBytes, sha256, startTestHub, type TestHub } from "./test-hub.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const weights = randomBytes(300_000);
const config = JSON.stringify({ model_type: "qwen2" });
const id = requireModelId("owner/model");

let hub: TestHub;
let cache: string;
let settings: HubSettings;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "skein-hub-"));
  settings = hub.settings(cache);
  hub.repositories.clear();
  hub.repositories.set("owner/model", {
    commit,
    files: {
      "README.md": "what nobody needs",
      "config.json": config,
      "model.safetensors": weights,
      "pytorch_model.bin": randomBytes(5000, 2),
      "tokenizer.json": "{}",
      "onnx/model.onnx": randomBytes(5000, 3),
      "chat_template.jinja": "{{ messages }}",
    },
  });
});
afterEach(async () => {
  hub.intercept = undefined;
  hub.requests.length = 0;
  await rm(cache, { recursive: true });
});

const folder = () => join(cache, "models--owner--model");
const snapshot = () => join(folder(), "snapshots", commit);
/** Of the weights: where they are collected. */
const part = () => join(folder(), "blobs", `${sha256(weights)}.skein.incomplete`);

/** Breaks off downloads of the weights after so many bytes. */
function breakOffAfter(...lengths: number[]): void {
  hub.intercept = (seen, request, response) => {
    if (seen.at !== "storage") return false;
    const length = lengths.shift();
    if (length === undefined) return false;
    const start = Number(/\d+/.exec(request.headers.range ?? "0")![0]);
    const range = { "content-range": `bytes ${start}-${weights.length - 1}/${weights.length}` };
    response.writeHead(start === 0 ? 200 : 206, {
      "content-length": weights.length - start,
      ...(start === 0 ? {} : range),
    });
    response.write(weights.slice(start, start + length), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
}

test("the files that are needed lie as Python puts them: blobs by hash, relative links, a ref, and what there is none of", async () => {
  const plans: DownloadPlan[] = [];
  const told: [number, number][] = [];
  const model = await pull(settings, id, {
    onPlan: (plan) => void plans.push(plan),
    onProgress: (completed, total) => void told.push([completed, total]),
  });
  const names = ["chat_template.jinja", "config.json", "model.safetensors", "tokenizer.json"];
  expect((await readdir(snapshot())).sort()).toEqual(names);
  expect(await readlink(join(snapshot(), "model.safetensors"))).toBe(`../../blobs/${sha256(weights)}`);
  expect(await readlink(join(snapshot(), "config.json"))).toBe(
    `../../blobs/${gitHash(new TextEncoder().encode(config))}`,
  );
  expect(new Uint8Array(await readFile(join(snapshot(), "model.safetensors")))).toEqual(weights);
  expect((await readdir(join(folder(), "blobs"))).length).toBe(4);
  expect(await readFile(join(folder(), "refs", "main"), "utf8")).toBe(commit);
  expect((await readdir(join(folder(), ".no_exist", commit))).sort()).toEqual([
    "generation_config.json",
    "tokenizer_config.json",
  ]);
  expect(model).toMatchObject({ id: "owner/model", commit, path: snapshot(), revision: "main" });
  expect(plans).toEqual([{ ...model, missingBytes: model.bytes, host: new URL(hub.endpoint).host }]);
  expect(told[0]).toEqual([0, model.bytes]);
  expect(told.at(-1)).toEqual([model.bytes, model.bytes]);
  expect(await findCached(settings, id)).toEqual({ model, isComplete: true });
});

test("a second pull asks what there is, and downloads nothing", async () => {
  await pull(settings, id, {});
  hub.requests.length = 0;
  const plans: DownloadPlan[] = [];
  await pull(settings, id, { onPlan: (plan) => void plans.push(plan) });
  expect(plans[0]!.missingBytes).toBe(0);
  expect(hub.requests.every(({ path }) => path.startsWith("/api/"))).toBe(true);
});

test("a new commit shares what did not change; the old one stays as it was", async () => {
  await pull(settings, id, {});
  const next = "f".repeat(40);
  const files = { ...hub.repositories.get("owner/model")!.files, "config.json": "{}" };
  hub.repositories.set("owner/model", { commit: next, files });
  hub.requests.length = 0;
  await pull(settings, id, {});
  expect(hub.downloads()).toEqual([]);
  expect(await readFile(join(folder(), "refs", "main"), "utf8")).toBe(next);
  expect(await readFile(join(folder(), "snapshots", next, "config.json"), "utf8")).toBe("{}");
  expect(await readFile(join(snapshot(), "config.json"), "utf8")).toBe(config);
});

test("the token goes to the endpoint and not to where that redirects", async () => {
  settings = hub.settings(cache, { token: { value: "secret", origin: "HF_TOKEN" } });
  await pull(settings, id, {});
  for (const { at, authorization } of hub.requests)
    expect(authorization).toBe(at === "hub" ? "Bearer secret" : undefined);
  expect(hub.downloads().length).toBe(1);
});

test("relative redirects are followed as they are given, with the token", async () => {
  settings = hub.settings(cache, { token: { value: "secret", origin: "HF_TOKEN" } });
  hub.intercept = ({ path }, _, response) => {
    if (!path.startsWith("/owner/model/resolve/")) return false;
    response
      .writeHead(307, { location: path.replace("/owner/model/resolve", "../../../../owner/renamed/resolve") })
      .end();
    return true;
  };
  hub.repositories.set("owner/renamed", hub.repositories.get("owner/model")!);
  await pull(settings, id, {});
  const moved = hub.requests.filter(({ path }) => path.startsWith("/owner/renamed/"));
  expect(moved.length).toBe(4);
  expect(moved.every(({ authorization }) => authorization === "Bearer secret")).toBe(true);
});

test("an endpoint may have a path of its own", async () => {
  hub.intercept = (_, request) => {
    expect(request.url === undefined || !request.url.startsWith("/hf/hf/")).toBe(true);
    if (request.url!.startsWith("/hf/")) request.url = request.url!.slice(3);
    return false;
  };
  await pull({ ...settings, endpoint: `${hub.endpoint}/hf` }, id, {});
  expect(hub.requests.filter(({ at }) => at === "hub").every(({ path }) => path.startsWith("/hf/"))).toBe(true);
});

test("a connection that breaks off is taken up where it was, also after the process has ended", async () => {
  breakOffAfter(100_000, 50_000);
  await pull(settings, id, {});
  expect(hub.downloads().map(({ range }) => range)).toEqual([undefined, "bytes=100000-", "bytes=150000-"]);

  await rm(folder(), { recursive: true });
  hub.requests.length = 0;
  const controller = new AbortController();
  breakOffAfter(120_000, 0, 0, 0, 0, 0, 0);
  const interrupted = pull(settings, id, {
    signal: controller.signal,
    onProgress: (completed) => {
      if (completed > 120_000) setTimeout(() => controller.abort(new Error("Ctrl-C")), 50);
    },
  });
  await expect(interrupted).rejects.toThrow("Ctrl-C");
  expect((await lstat(part())).size).toBe(120_000);
  expect(await readdir(join(folder(), "snapshots", commit))).not.toContain("model.safetensors");
  await expect(lstat(join(folder(), "refs", "main"))).rejects.toThrow(/ENOENT/);
  hub.intercept = undefined;
  hub.requests.length = 0;
  const plans: DownloadPlan[] = [];
  await pull(settings, id, { onPlan: (plan) => void plans.push(plan) });
  expect(hub.downloads().map(({ range }) => range)).toEqual(["bytes=120000-"]);
  expect(plans[0]!.missingBytes).toBe(180_000);
  expect(new Uint8Array(await readFile(join(snapshot(), "model.safetensors")))).toEqual(weights);
  await expect(lstat(part())).rejects.toThrow(/ENOENT/);
});

test("a server that ignores Range sends all of it, and that is taken", async () => {
  breakOffAfter(100_000);
  const breakOff = hub.intercept!;
  hub.intercept = (seen, request, response) => {
    if (breakOff(seen, request, response)) return true;
    if (seen.at !== "storage") return false;
    delete request.headers.range;
    sendBytes(request, response, weights);
    return true;
  };
  await pull(settings, id, {});
  expect(new Uint8Array(await readFile(join(snapshot(), "model.safetensors")))).toEqual(weights);
});

test("what an earlier attempt left is thrown away when it is not the beginning of the file", async () => {
  await pull(settings, id, {});
  await rm(join(folder(), "blobs", sha256(weights)));
  await writeFile(part(), randomBytes(1000, 9));
  hub.requests.length = 0;
  await pull(settings, id, {});
  expect(hub.downloads().map(({ range }) => range)).toEqual(["bytes=1000-", undefined]);
  expect(new Uint8Array(await readFile(join(snapshot(), "model.safetensors")))).toEqual(weights);
  await rm(join(folder(), "blobs", sha256(weights)));
  await writeFile(part(), new Uint8Array(weights.length + 1));
  await pull(settings, id, {});
  expect(new Uint8Array(await readFile(join(snapshot(), "model.safetensors")))).toEqual(weights);
});

test.runIf(process.platform === "linux")("a place that takes no folders is an error, soon", async () => {
  await expect(pull(hub.settings("/proc"), id, {})).rejects.toMatchObject({ name: "HubError", code: "write_failed" });
});

test("a file that is not what the list says never gets its name", async () => {
  for (const wrong of [
    weights.map((byte, i) => (i === 7 ? byte ^ 1 : byte)),
    weights.slice(1),
    new Uint8Array([...weights, 1]),
  ]) {
    hub.intercept = (seen, request, response) => {
      if (seen.at !== "storage") return false;
      sendBytes(request, response, wrong);
      return true;
    };
    const error: unknown = await pull(settings, id, {}).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ name: "HubError", code: expect.stringMatching(/^(damaged_download|network)$/) });
    expect(await readdir(join(folder(), "blobs"))).not.toContain(sha256(weights));
    expect(await readdir(snapshot())).not.toContain("model.safetensors");
  }
});

test("a file that changed behind its commit is refused before it is downloaded", async () => {
  for (const header of ["x-linked-etag", "x-linked-size", "x-repo-commit"]) {
    hub.intercept = ({ path }, _, response) => {
      if (!path.endsWith("/model.safetensors")) return false;
      const value = header === "x-linked-size" ? "1" : "a".repeat(header === "x-repo-commit" ? 40 : 64);
      response.writeHead(200, { [header]: value }).end(weights);
      return true;
    };
    await expect(pull(settings, id, {})).rejects.toMatchObject({ code: "damaged_download" });
  }
});

test("no name of a list leaves the folder", async () => {
  for (const name of ["../evil.json", "/etc/evil", "a/../../b", "C:\\evil", "a\\b", ""]) {
    hub.intercept = ({ path }, _, response) => {
      if (!path.includes("/tree/")) return false;
      const entry = { type: "file", path: name, oid: "a".repeat(40), size: 1 };
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify([entry]));
      return true;
    };
    await expect(pull(settings, id, {}), name).rejects.toMatchObject({ code: "invalid_checkpoint" });
  }
  expect(await readdir(cache)).toEqual([]);
});

test("lists that cannot be followed are errors in one line", async () => {
  const entry = { type: "file", path: "config.json", oid: "a".repeat(40), size: 1 };
  const bodies: unknown[] = [
    [{ ...entry, oid: "../../x" }],
    [{ ...entry, size: -1 }],
    [{ ...entry, lfs: { oid: "a", size: 1 } }],
    [{ ...entry, path: 7 }],
    [null, { type: "file" }],
  ];
  for (const body of [...bodies.map((value) => JSON.stringify(value)), "<html>"]) {
    hub.intercept = ({ path }, _, response) => {
      if (!path.includes("/tree/")) return false;
      response.writeHead(200).end(body);
      return true;
    };
    const error = (await pull(settings, id, {}).catch((reason: unknown) => reason)) as Error;
    expect(error, body).toMatchObject({ name: "HubError", code: "network" });
    expect(error.message).not.toContain("\n");
  }
});

test("answers of another kind than was asked for are errors in one line", async () => {
  for (const [part, body] of [
    ["/revision/", "null"],
    ["/revision/", "[]"],
    ["/tree/", "{}"],
    ["/tree/", "null"],
    ["/tree/", '"files"'],
  ] as const) {
    hub.intercept = ({ path }, _, response) => {
      if (!path.includes(part)) return false;
      response.writeHead(200).end(body);
      return true;
    };
    const error = (await pull(settings, id, {}).catch((reason: unknown) => reason)) as Error;
    expect(error, `${part} ${body}`).toMatchObject({ name: "HubError", code: "network" });
    expect(error.message).not.toContain("\n");
  }
});

test("a list that never ends is given up on", async () => {
  const folders = (count: number) => Array.from({ length: count }, (_, i) => ({ type: "directory", path: `d${i}` }));
  for (const [page, next, most] of [
    [[], "https://huggingface.co/api/models/owner/model/tree/main?cursor=1", 3],
    [folders(1000), "https://huggingface.co/api/models/owner/model/tree/main?cursor=1", 30],
    [folders(1), "https://huggingface.co/api/models/owner/model/tree/main?cursor=1", 1100],
    [folders(1), "https://:::", 3],
  ] as const) {
    hub.requests.length = 0;
    hub.intercept = ({ path }, _, response) => {
      if (!path.includes("/tree/")) return false;
      response.writeHead(200, { link: `<${next}>; rel="next"` }).end(JSON.stringify(page));
      return true;
    };
    await expect(pull(settings, id, {})).rejects.toMatchObject({ name: "HubError", code: "network" });
    expect(hub.requests.length).toBeLessThan(most);
  }
});

test("shards are those that the index names, and nothing else", async () => {
  const index = JSON.stringify({
    weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" },
  });
  const files = {
    "config.json": config,
    "model.safetensors.index.json": index,
    "model-00001-of-00002.safetensors": randomBytes(2000, 4),
    "model-00002-of-00002.safetensors": randomBytes(2000, 5),
    "consolidated.safetensors": randomBytes(4000, 6),
  };
  hub.repositories.set("owner/model", { commit, files });
  const { files: pulled } = await pull(settings, id, {});
  expect(pulled.map(({ name }) => name).sort()).toEqual(
    Object.keys(files)
      .filter((name) => name !== "consolidated.safetensors")
      .sort(),
  );
});

test("an answer that asks for patience is waited for, up to a bound", async () => {
  let refused = 0;
  hub.intercept = ({ path }, _, response) => {
    if (!path.startsWith("/api/") || refused++ > 1) return false;
    response.setHeader("retry-after", "0");
    fail(response, refused === 1 ? 429 : 503, undefined, "slow down");
    return true;
  };
  await pull(settings, id, {});
  hub.intercept = (_, __, response) => {
    response.setHeader("retry-after", "3600");
    fail(response, 429, undefined, "slow down");
    return true;
  };
  await expect(pull(settings, id, {})).rejects.toMatchObject({
    code: "rate_limited",
    message: expect.stringMatching(/wants fewer requests for 3600 s; .* HF_TOKEN/),
  });
});

test.runIf(process.platform === "linux")("a cache that no folder can be made in is an error, soon", async () => {
  await expect(pull(hub.settings("/proc/nope/hub"), id, {})).rejects.toMatchObject({
    code: "write_failed",
    message: expect.stringContaining("/proc/nope/hub"),
  });
});
