import { gzipSync } from "node:zlib";
import { afterEach, expect, test } from "vitest";
import { openUrl } from "./http.ts";
import { type Handler, ranged, serve as startServer, type TestServer, whole } from "./node/test-server.ts";
import { readEntries } from "./shards.ts";
import { float32File } from "./test-safetensors.ts";

const data = Uint8Array.from({ length: 200_000 }, (_, index) => index % 251);

const servers: TestServer[] = [];

afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

async function serve(handlers: Readonly<Record<string, Handler>>): Promise<TestServer> {
  const server = await startServer(handlers);
  servers.push(server);
  return server;
}

test("sizes and ranges, with one request for a small file", async () => {
  const { url, requests } = await serve({
    "/model/config.json": ranged(new TextEncoder().encode("{}")),
    "/model/data.bin": ranged(data),
    "/model/a%20b%23/c.bin": ranged(new Uint8Array([9])),
  });
  const files = openUrl(url);
  expect(files.label).toBe(`${url.href}/`);
  expect(await files.size("config.json")).toBe(2);
  expect(new TextDecoder().decode(await files.read("config.json", 0, 2))).toBe("{}");
  expect(requests).toEqual([{ method: "GET", url: "/model/config.json", range: "bytes=0-65535" }]);
  expect(await files.size("data.bin")).toBe(data.length);
  expect(await files.read("data.bin", 100_000, 150_000)).toEqual(data.slice(100_000, 150_000));
  expect(await files.read("data.bin", 65_000, 66_000)).toEqual(data.slice(65_000, 66_000));
  expect(await files.read("data.bin", 10, 20)).toEqual(data.slice(10, 20));
  expect(requests).toHaveLength(4);
  expect([...(await files.read("a b#/c.bin", 0, 1))]).toEqual([9]);
  await files.close();
});

test("an absent file has no size; an empty one has none to read", async () => {
  const { url } = await serve({
    "/model/empty": ranged(new Uint8Array(0)),
    "/model/empty-200": whole(""),
    "/model/gone": (_, response) => response.writeHead(410).end(),
    "/model/forbidden": (_, response) => response.writeHead(403).end(),
    "/model/fallback": whole("<!doctype html>", { "content-type": "text/html; charset=utf-8" }),
  });
  const files = openUrl(url);
  expect(await files.size("empty")).toBe(0);
  expect(await files.read("empty", 0, 0)).toHaveLength(0);
  expect(await files.size("empty-200")).toBe(0);
  for (const name of ["absent", "gone", "forbidden", "fallback"]) {
    expect(await files.size(name)).toBeUndefined();
    await expect(files.read(name, 0, 1)).rejects.toMatchObject({ code: "not_found" });
  }
  await files.close();
});

test("on a server that refuses absent files the shards are found; of one that is missed it says that it may be refused", async () => {
  const refuse: Handler = (_, response) => response.writeHead(403).end();
  const index = JSON.stringify({ weight_map: { first: "one.safetensors", second: "two.safetensors" } });
  const folder = {
    "/model/model.safetensors": refuse,
    "/model/model.safetensors.index.json": ranged(new TextEncoder().encode(index)),
    "/model/one.safetensors": ranged(float32File({ first: [1] })),
    "/model/two.safetensors": ranged(float32File({ second: [2] })),
  };
  const complete = openUrl((await serve(folder)).url);
  expect([...(await readEntries(complete)).keys()]).toEqual(["first", "second"]);
  const lacking = openUrl((await serve({ ...folder, "/model/two.safetensors": refuse })).url);
  await expect(readEntries(lacking)).rejects.toMatchObject({
    code: "not_found",
    message: `"two.safetensors" is not in ${lacking.label} (or the server refuses it)`,
  });
  await Promise.all([complete.close(), lacking.close()]);
});

test("a server that ignores Range is asked once for each file", async () => {
  const { url, requests } = await serve({ "/model/data.bin": whole(data) });
  const files = openUrl(url);
  const [size, first, last] = await Promise.all([
    files.size("data.bin"),
    files.read("data.bin", 0, 10),
    files.read("data.bin", 199_990, 200_000),
  ]);
  expect([size, first, last]).toEqual([200_000, data.slice(0, 10), data.slice(199_990)]);
  expect(await files.read("data.bin", 0, 200_000)).toEqual(data);
  expect(requests).toHaveLength(1);
  await files.close();
});

test("a server that ignores Range fills no memory: text, and what is not announced, ends at 64 MiB", async () => {
  const piece = new Uint8Array(2 ** 20);
  const endless: Handler = (_, response) => {
    response.writeHead(200);
    const send = () => {
      while (!response.destroyed && response.write(piece));
    };
    response.on("drain", send);
    send();
  };
  const zipped = gzipSync(new Uint8Array(65 * 2 ** 20), { level: 1 });
  const { url } = await serve({
    "/model/config.json": whole(new Uint8Array(65 * 2 ** 20), { "content-length": String(65 * 2 ** 20) }),
    "/model/endless.safetensors": endless,
    "/model/zipped.gguf": whole(zipped, { "content-encoding": "gzip", "content-length": String(zipped.length) }),
    "/model/model.safetensors": whole(new Uint8Array(65 * 2 ** 20), { "content-length": String(65 * 2 ** 20) }),
  });
  const files = openUrl(url);
  for (const name of ["config.json", "endless.safetensors", "zipped.gguf"])
    await expect(files.size(name), name).rejects.toMatchObject({
      code: "network",
      message: expect.stringMatching(/ sent more than the 67108864 bytes/),
    });
  expect(await files.size("model.safetensors")).toBe(65 * 2 ** 20);
  await files.close();
});

test("a server that stops following Range is asked once more", async () => {
  let answers = 0;
  const { url, requests } = await serve({
    "/model/data.bin": (request, response) => {
      answers += 1;
      (answers === 1 ? ranged(data) : whole(data))(request, response);
    },
  });
  const files = openUrl(url);
  expect(await files.read("data.bin", 100_000, 100_010)).toEqual(data.slice(100_000, 100_010));
  expect(await files.read("data.bin", 150_000, 150_010)).toEqual(data.slice(150_000, 150_010));
  expect(requests).toHaveLength(2);
  await files.close();
});

test("answers shorter than what was asked for are completed", async () => {
  const { url } = await serve({ "/model/data.bin": ranged(data, { limit: 30_000 }) });
  const files = openUrl(url);
  expect(await files.size("data.bin")).toBe(200_000);
  expect(await files.read("data.bin", 0, 200_000)).toEqual(data);
  await files.close();
});

test("where Content-Range cannot be read, the size is found by HEAD", async () => {
  const { url, requests } = await serve({
    "/model/data.bin": ranged(data, { hideRange: true }),
    "/model/small.bin": ranged(data.slice(0, 100), { hideRange: true }),
  });
  const files = openUrl(url);
  expect(await files.size("data.bin")).toBe(200_000);
  expect(await files.read("data.bin", 199_990, 200_000)).toEqual(data.slice(199_990));
  expect(requests.map(({ method }) => method)).toEqual(["GET", "HEAD", "GET"]);
  expect(await files.size("small.bin")).toBe(100);
  expect(requests).toHaveLength(4);
  await files.close();
});

test("a server that compresses what is asked for without a range tells the size of the file itself", async () => {
  const compress: Handler = (request, response) => {
    if (request.headers.range !== undefined) return ranged(data, { hideRange: true })(request, response);
    response.writeHead(200, { "content-encoding": "gzip", "content-length": gzipSync(data).length }).end();
  };
  const partial: Handler = (request, response) => {
    if (request.method === "GET") return ranged(data, { hideRange: true })(request, response);
    response.writeHead(206, { "content-length": data.length }).end();
  };
  const { url } = await serve({ "/model/compressed.json": compress, "/model/partial.json": partial });
  const files = openUrl(url);
  for (const name of ["compressed.json", "partial.json"]) {
    expect(await files.size(name)).toBe(200_000);
    expect(await files.read(name, 0, 200_000)).toEqual(data);
  }
  await files.close();
});

test("the query goes with every request, and into no message", async () => {
  const { url, requests } = await serve({
    "/model/config.json": (_, response) => response.writeHead(401).end(),
  });
  url.search = "?signature=secret";
  const files = openUrl(url);
  const error: Error = await files.size("config.json").then(
    () => new Error("no error"),
    (reason) => reason,
  );
  expect(error).toMatchObject({
    code: "network",
    message: expect.stringMatching(/^http:.*\/model\/config\.json answered 401 Unauthorized$/),
  });
  expect(requests[0]?.url).toBe("/model/config.json?signature=secret");
  await files.close();
});

test("an error is not remembered: the next read asks again", async () => {
  let answers = 0;
  const { url } = await serve({
    "/model/data.bin": (request, response) => {
      answers += 1;
      if (answers === 1) response.writeHead(503).end();
      else ranged(data)(request, response);
    },
  });
  const files = openUrl(url);
  await expect(files.size("data.bin")).rejects.toMatchObject({
    code: "network",
    message: expect.stringMatching(/503/),
  });
  expect(await files.size("data.bin")).toBe(200_000);
  await files.close();
});

test("a file that changes while it is read is an error", async () => {
  let version = 1;
  const { url } = await serve({
    "/model/tagged.bin": ranged(data, { tag: () => `"${version}"` }),
    "/model/grown.bin": (request, response) =>
      ranged(version === 1 ? data : new Uint8Array(300_000))(request, response),
  });
  const files = openUrl(url);
  await files.size("tagged.bin");
  await files.size("grown.bin");
  version = 2;
  for (const name of ["tagged.bin", "grown.bin"]) {
    await expect(files.read(name, 100_000, 100_001)).rejects.toThrow(/changed while it was read/);
  }
  await files.close();
});

test.each<[string, Handler]>([
  [
    "more bytes than were asked for",
    (_, response) => response.writeHead(206, { "content-range": "bytes 0-1/200000" }).end(data),
  ],
  [
    "bytes from elsewhere",
    (_, response) => response.writeHead(206, { "content-range": "bytes 5-9/200000" }).end("12345"),
  ],
  [
    "a total smaller than what it sends",
    (_, response) => response.writeHead(206, { "content-range": "bytes 0-9/3" }).end("1234567890"),
  ],
  ["a status that means nothing here", (_, response) => response.writeHead(204).end()],
  [
    "an end before the body's",
    (_, response) => {
      response.writeHead(206, { "content-range": "bytes 0-99/100", "content-length": 100 });
      response.write("only this");
      setTimeout(() => response.destroy(), 20);
    },
  ],
])("a server that sends %s", async (_, handler) => {
  const { url } = await serve({ "/model/data.bin": handler });
  const files = openUrl(url);
  await expect(files.size("data.bin")).rejects.toMatchObject({ code: "network" });
  await files.close();
});

test("a server that sends nothing where bytes were asked for does not make it wait forever", async () => {
  let answers = 0;
  const { url } = await serve({
    "/model/data.bin": (request, response) => {
      answers += 1;
      if (answers === 1) ranged(data)(request, response);
      else response.writeHead(206, { "content-range": "bytes 100000-100000/200000" }).end();
    },
  });
  const files = openUrl(url);
  await expect(files.read("data.bin", 100_000, 100_010)).rejects.toThrow(/sent nothing at byte 100000/);
  await files.close();
});

test("a server that cannot be reached is an error with the address and the reason", async () => {
  const { url } = await serve({});
  await servers.pop()!.close();
  const files = openUrl(url);
  await expect(files.size("config.json")).rejects.toMatchObject({
    code: "network",
    message: expect.stringMatching(
      /^http:\/\/127\.0\.0\.1:\d+\/model\/config\.json could not be fetched \(.*ECONNREFUSED/,
    ),
  });
  await files.close();
});

test("an abort ends the request under way with the caller's reason", async () => {
  const { url } = await serve({ "/model/slow.bin": () => {} });
  const controller = new AbortController();
  const files = openUrl(url, { signal: controller.signal });
  const pending = files.size("slow.bin");
  const reason = new Error("changed my mind");
  setTimeout(() => controller.abort(reason), 20);
  await expect(pending).rejects.toBe(reason);
  await expect(files.size("config.json")).rejects.toBe(reason);
  await files.close();
});

test("closing ends requests under way and refuses later ones", async () => {
  const { url } = await serve({ "/model/slow.bin": () => {} });
  const files = openUrl(url);
  const pending = files.size("slow.bin");
  setTimeout(() => void files.close(), 20);
  await expect(pending).rejects.toMatchObject({ code: "closed" });
  await expect(files.size("config.json")).rejects.toMatchObject({ code: "closed" });
  await files.close();
});

test("names that leave the folder are refused before any request", async () => {
  const { url, requests } = await serve({});
  const files = openUrl(url);
  for (const name of ["../config.json", "//evil.example/x", "http://evil.example/x", "a\\b"]) {
    await expect(files.size(name)).rejects.toMatchObject({ code: "invalid_checkpoint" });
    await expect(files.read(name, 0, 1)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  }
  expect(requests).toEqual([]);
  await files.close();
});

test("addresses of other schemes, with passwords, or of a single file are errors of the option", () => {
  expect(() => openUrl(new URL("ftp://example.org/model"))).toThrow(/ftp: addresses cannot be read/);
  expect(() => openUrl(new URL("https://me:secret@example.org/model"))).toThrow(
    /^source: .* must not carry a user name/,
  );
  expect(() => openUrl(new URL("https://example.org/model.safetensors"))).toThrow(
    /is a file; give the address of the folder/,
  );
});
