import { afterEach, expect, test } from "vitest";
import { openBlobs } from "../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { openGguf } from "../checkpoint/gguf/open-gguf.ts";
import { aligned, encodeGgufHeader, tensorBytes } from "../checkpoint/gguf/write-header.ts";
import { InvalidConfigError, SkeinError } from "../errors.ts";
import { openSharedFiles, serveFiles } from "./shared-files.ts";

const opened: CheckpointFiles[] = [];
afterEach(async () => {
  for (const files of opened.splice(0)) await files.close();
});

/** The files as they are on the other side of a port. */
async function share(files: Promise<CheckpointFiles>): Promise<CheckpointFiles> {
  const { port1, port2 } = new MessageChannel();
  serveFiles(port1, files);
  try {
    const shared = await openSharedFiles({ port: port2 });
    opened.push(shared);
    return shared;
  } catch (error) {
    port2.close();
    throw error;
  }
}

/** A GGUF file of two tensors, without a configuration. */
function smallGguf(): CheckpointFiles {
  const tensors = [
    { name: "output_norm.weight", shape: [5], type: "F32" },
    { name: "output.weight", shape: [2, 32], type: "Q8_0" },
    { name: "token_embd.weight", shape: [2, 256], type: "Q6_K" },
  ] as const;
  const bytesOf = (tensor: (typeof tensors)[number]) =>
    new Uint8Array(aligned(tensorBytes(tensor))).map((_, i) => (i * 11) % 60);
  const data = [new Uint8Array(32), bytesOf(tensors[1]), bytesOf(tensors[2])];
  data[0]!.set(new Uint8Array(Float32Array.of(1, 2, 3, 4, 5).buffer));
  const architecture = { type: "string", value: "qwen2" } as const;
  const parts = [encodeGgufHeader({ "general.architecture": architecture }, tensors), ...data];
  return openBlobs({ "small.gguf": new Blob(parts as BlobPart[]) });
}

test("tensors that another worker reads are the same ones", async () => {
  const direct = await openGguf(smallGguf(), "small.gguf");
  const shared = await share(openGguf(smallGguf(), "small.gguf"));
  const [own, other] = [direct.tensors, shared.tensors!];
  expect(shared.label).toBe(direct.label);
  expect(other.names).toEqual(["model.norm.weight", "lm_head.weight", "model.embed_tokens.weight"]);
  for (const name of own.names) {
    expect(other.entry(name)).toMatchObject(own.entry(name)!);
    expect(other.isReadable(name)).toBe(true);
    expect(other.blockType!(name)).toBe(own.blockType!(name));
    expect(await other.readFloat32(name)).toEqual(await own.readFloat32(name));
    expect(await other.readBytes(name)).toEqual(await own.readBytes(name));
  }
  expect(await other.readFloat32("model.norm.weight", 1, 3)).toEqual(Float32Array.of(2, 3));
  expect(await other.readBlocks!("lm_head.weight", 32, 64)).toEqual(await own.readBlocks!("lm_head.weight", 32, 64));
  const superBlocks = ["model.embed_tokens.weight", 256, 512] as const;
  expect(await other.readSuperBlocks!(...superBlocks)).toEqual(await own.readSuperBlocks!(...superBlocks));
  expect(other.entry("none")).toBeUndefined();
  expect(() => other.blockType!("none")).toThrow(/no tensor "none"/);
});

test("files without tensors of their own have none on the other side either", async () => {
  const shared = await share(Promise.resolve(openBlobs({ a: new Blob(["text"]) })));
  expect(shared.tensors).toBeUndefined();
  expect(await shared.list!()).toEqual(["a"]);
  expect(new TextDecoder().decode(await shared.read("a", 1, 3))).toBe("ex");
});

test("what opening throws, and what asking throws, arrive as what they are", async () => {
  await expect(share(Promise.reject(new SkeinError("not_found", "nothing there")))).rejects.toMatchObject({
    code: "not_found",
    message: "nothing there",
  });
  const shared = await share(openGguf(smallGguf(), "small.gguf"));
  await expect(shared.size("config.json")).rejects.toBeInstanceOf(InvalidConfigError);
});
