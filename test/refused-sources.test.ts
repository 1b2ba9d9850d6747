import { openAsBlob } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { type AdapterOptions, loadModel, type ModelSource, mergeAdapter } from "../src/index.ts";
import { tiny } from "./tiny.ts";

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
