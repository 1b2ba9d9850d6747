import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { requireModelId } from "../model-id.ts";
import { pull } from "./pull.ts";
import type { HubSettings } from "./settings.ts";
import { fail, randomBytes, startTestHub, type TestHub } from "./test-hub.ts";

const commit = "0123456789abcdef0123456789abcdef01234567";
const token = { value: "hf_secret", origin: "HF_TOKEN" };

let hub: TestHub;
let cache: string;
beforeAll(async () => {
  hub = await startTestHub();
  hub.repositories.set("owner/model", {
    commit,
    files: { "config.json": "{}", "model.safetensors": randomBytes(2000) },
  });
  cache = await mkdtemp(join(tmpdir(), "skein-hub-"));
});
afterAll(async () => {
  await hub.close();
  await rm(cache, { recursive: true });
});
afterEach(() => {
  hub.intercept = undefined;
  hub.requests.length = 0;
});

async function failure(id: string, others: Partial<HubSettings> = {}): Promise<Error & { readonly code: string }> {
  const error: unknown = await pull(hub.settings(cache, others), requireModelId(id), {}).catch(
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "HubError" });
  expect(String(error)).not.toMatch(/\n|hf_secret/);
  return error as Error & { readonly code: string };
}

/** All answers of the Hub itself, or of the storage, are this. */
function answerAll(at: "hub" | "storage", status: number, code: string | undefined, message = "why"): void {
  hub.intercept = (seen, _, response) => {
    if (seen.at !== at) return false;
    response.setHeader("retry-after", "0");
    fail(response, status, code, message);
    return true;
  };
}

test("404: which of repository, revision and file there is none of", async () => {
  expect(await failure("owner/none")).toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/^owner\/none: .* has no such repository/),
  });
  expect(await failure("owner/model@v9")).toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/no branch, tag or commit "v9"/),
  });
  hub.repositories.set("owner/pickles", { commit, files: { "config.json": "{}", "pytorch_model.bin": "x" } });
  expect(await failure("owner/pickles")).toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/pytorch_model\.bin, a format that can run code/),
  });
  hub.repositories.set("owner/empty", { commit, files: { "README.md": "x" } });
  expect(await failure("owner/empty")).toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/no weights/),
  });
});

test("401: the Hub does not tell what is private from what is not there, so that both are said", async () => {
  answerAll("hub", 401, "RepoNotFound", "Invalid username or password.");
  expect(await failure("owner/model")).toMatchObject({
    code: "unauthorized",
    message: expect.stringMatching(/no such repository, or a private one.*HF_TOKEN/),
  });
  answerAll("hub", 401, undefined, "Invalid credentials in Authorization header");
  expect(await failure("owner/model", { token })).toMatchObject({
    code: "unauthorized",
    message: expect.stringMatching(/does not accept the token of HF_TOKEN.*\/settings\/tokens/),
  });
});

test("a gated model: where to accept its terms, and what is missing", async () => {
  answerAll("hub", 401, "GatedRepo", "Access to model owner/model is restricted.");
  expect(await failure("owner/model")).toMatchObject({
    code: "gated",
    message: expect.stringContaining(`accept them at ${hub.endpoint}/owner/model, and give a token in HF_TOKEN`),
  });
  answerAll("hub", 403, "GatedRepo", "Access to model owner/model is restricted.");
  expect(await failure("owner/model", { token })).toMatchObject({
    code: "gated",
    message: expect.stringContaining(`accept the model's terms at ${hub.endpoint}/owner/model`),
  });
  expect(hub.requests.length).toBe(2);
});

test("only the file may be gated: the list is open to everybody", async () => {
  hub.intercept = ({ path }, _, response) => {
    if (!path.includes("/resolve/")) return false;
    fail(response, 401, "GatedRepo", "restricted");
    return true;
  };
  expect(await failure("owner/model")).toMatchObject({ code: "gated" });
});

test("5xx is tried again a few times", async () => {
  answerAll("hub", 502, undefined);
  expect(await failure("owner/model")).toMatchObject({
    code: "network",
    message: expect.stringMatching(/answered 502 \("why"\); try again/),
  });
  expect(hub.requests.length).toBe(5);
});

test("what the storage refuses says nothing about tokens and terms", async () => {
  for (const status of [401, 403, 404]) {
    answerAll("storage", status, undefined);
    expect(await failure("owner/model")).toMatchObject({
      code: "network",
      message: expect.stringContaining(`answered ${status}`),
    });
  }
}, 120_000);

test("a server that says nothing is not waited for without end, and not at all after an abort", async () => {
  hub.intercept = () => true;
  const error = await failure("owner/model", { questionTimeout: 300 });
  expect(error).toMatchObject({ code: "network", message: expect.stringContaining("nothing came for 0.3 s") });
  const signal = AbortSignal.timeout(200);
  const began = performance.now();
  await expect(pull(hub.settings(cache), requireModelId("owner/model"), { signal })).rejects.toMatchObject({
    name: "TimeoutError",
  });
  expect(performance.now() - began).toBeLessThan(3000);
});

test("a download that stands still is taken up again", async () => {
  let stalled = 0;
  hub.intercept = ({ at }, _, response) => {
    if (at !== "storage" || stalled++ > 0) return false;
    response.writeHead(200, { "content-length": 2000 }).write(randomBytes(2000).slice(0, 500));
    return true;
  };
  await pull(hub.settings(cache, { downloadTimeout: 300 }), requireModelId("owner/model"), {});
  expect(hub.downloads().map(({ range }) => range)).toEqual([undefined, "bytes=500-"]);
});

test("a host that cannot be reached: which, why, and what to do", async () => {
  const error = await failure("owner/model", { endpoint: "http://127.0.0.1:9" });
  expect(error).toMatchObject({
    code: "network",
    message: expect.stringMatching(/connection to 127\.0\.0\.1:9 failed \(.+\).*HF_ENDPOINT/),
  });
});

test("redirects in a circle, and to what is no web address, end", async () => {
  for (const [location, message] of [
    ["/again", /redirects in a circle/],
    ["file:///etc/passwd", /no http\(s\) address/],
    ["http://", /no http\(s\) address/],
  ] as const) {
    hub.intercept = (_, __, response) => {
      response.writeHead(302, { location }).end();
      return true;
    };
    expect((await failure("owner/model")).message).toMatch(message);
  }
});
