import { openAsBlob } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AdapterOptions, loadModel, type ModelSource, mergeAdapter } from "../src/index.ts";
import { tiny } from "./tiny.ts";

test("a URL that is neither of the web nor of a file is refused, and what else there is named", async () => {
  for (const url of ["app://bundle/models/qwen", "blob:https://example.org/1", "data:,{}"])
    await expect(loadModel(new URL(url)), url).rejects.toMatchObject({
      code: "invalid_option",
      message: expect.stringMatching(/^source: (app|blob|data): URLs cannot be read; .*Blobs$/),
    });
});

test("where a later source is refused, the files that were sent before it keep no process alive", async () => {
  const openPorts = (): number => process.getActiveResourcesInfo().filter((name) => name === "MessagePort").length;
  const onDisk = { "adapter_config.json": await openAsBlob(join(tiny, "config.json")) }; // such a Blob is read through a port
  const bad = 5 as unknown as ModelSource;
  const folder = join(tmpdir(), "skein-test-refused");
  const before = openPorts();
  const refused: [() => Promise<unknown>, string][] = [
    [
      () => loadModel(tiny, { adapters: { law: onDisk, poems: { source: onDisk, window: 0 } } }),
      "adapters.poems.window",
    ],
    [() => loadModel(bad, { adapters: { law: onDisk } }), "source"],
    [() => mergeAdapter(bad, onDisk, folder), "source"],
    [() => mergeAdapter(onDisk, { source: onDisk, factor: 0 } satisfies AdapterOptions, folder), "adapter.factor"],
  ];
  for (const [load, option] of refused) {
    await expect(load()).rejects.toMatchObject({ code: "invalid_option", option });
    await expect.poll(openPorts).toBe(before);
  }
});
