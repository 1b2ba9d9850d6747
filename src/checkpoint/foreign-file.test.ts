import { expect, test } from "vitest";
import { readJson } from "./files.ts";
import { readHeader } from "./safetensors.ts";
import { openTensors } from "./tensors.ts";
import { filesOf, float32File, safetensorsBytes } from "./test-safetensors.ts";

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(Buffer.from(text, "latin1"));
const pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0123\nsize 988097824\n";

const foreign: readonly (readonly [name: string, content: Uint8Array<ArrayBuffer>, code: string, message: RegExp])[] = [
  [
    "git's pointer",
    bytes(pointer),
    "invalid_checkpoint",
    /git's pointer to the file; run `git lfs install && git lfs pull`/,
  ],
  [
    "a web page",
    bytes("<!DOCTYPE html><html><body>Sign in</body>"),
    "invalid_checkpoint",
    /is a web page.*download it again/,
  ],
  ["an error of a store", bytes('<?xml version="1.0"?><Error/>'), "invalid_checkpoint", /is a web page/],
  ["a GGUF file", bytes("GGUF\x03\0\0\0\0\0\0\0"), "invalid_checkpoint", /is a GGUF file by its content.*\.gguf/],
  ["a gzip file", bytes("\x1f\x8b\x08\0\0\0\0\0\0\0"), "invalid_checkpoint", /is compressed/],
  [
    "torch.save's archive",
    bytes("PK\x03\x04\0\0\x08\x08\0\0\0\0archive/data.pkl"),
    "unsupported",
    /run code.*never opened.*save_pretrained/,
  ],
  ["a pickle of protocol 2", bytes("\x80\x02}q\0X\x05\0\0\0state"), "unsupported", /run code/],
  [
    "torch's older pickle",
    bytes("\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03."),
    "unsupported",
    /run code/,
  ],
  [
    "a pickle of protocol 4 with a small frame",
    bytes("\x80\x04\x95\x05\0\0\0\0}\x94.      "),
    "unsupported",
    /run code/,
  ],
];

test.each(foreign)("a file of weights that is %s says so, and what to do", async (_name, content, code, message) => {
  const files = filesOf({ "model.safetensors": content });
  await expect(readHeader(files, "model.safetensors")).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message),
  });
  await expect(readHeader(files, "model.safetensors")).rejects.toThrow(/^model\.safetensors in the given files is/);
});

test("a header whose size begins as a pickle does is a header", async () => {
  const header = JSON.stringify({ a: { dtype: "F32", shape: [1], data_offsets: [0, 4] } }).padEnd(0x280);
  const file = safetensorsBytes(header, 4);
  expect([...file.subarray(0, 2)]).toEqual([0x80, 2]);
  expect(await readHeader(filesOf({ "model.safetensors": file }), "model.safetensors")).toHaveLength(1);
});

test("JSON files that were not fetched are told too", async () => {
  const read = (content: string) => readJson(filesOf({ "tokenizer.json": content }), "tokenizer.json");
  await expect(read(pointer)).rejects.toThrow(/^tokenizer\.json in the given files is only git's pointer/);
  await expect(read("<html>")).rejects.toThrow(/is a web page/);
  await expect(read("{")).rejects.toThrow(/is not valid JSON/);
});

test.each([
  ["pytorch_model.bin", "", "unsupported", /has its weights in pytorch_model\.bin, a format that can run code/],
  ["pytorch_model-00001-of-00002.bin", "", "unsupported", /pytorch_model-00001-of-00002\.bin, a format/],
  ["consolidated.00.pth", "PK\x03\x04", "unsupported", /consolidated\.00\.pth, a format/],
  ["model.ckpt", "x", "unsupported", /model\.ckpt, a format/],
  ["pytorch_model.bin", pointer, "invalid_checkpoint", /git lfs pull/],
  ["training_args.bin", "x", "not_found", /has no weights/],
  ["no:name.bin", "x", "not_found", /has no weights/],
  [
    "adapter_config.json",
    "{}",
    "adapter_without_base",
    /there is no model.safetensors, but an adapter; give .*--adapter/,
  ],
])("a folder with %s alone", async (name, content, code, message) => {
  const files = filesOf({ "config.json": "{}", [name]: bytes(content) });
  await expect(openTensors(files)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test("weights that are safetensors under a pickle's name are told what they are", async () => {
  const files = filesOf({ "pytorch_model.bin": float32File({ a: [1] }) });
  await expect(openTensors(files)).rejects.toThrow(
    /^pytorch_model\.bin in the given files is a safetensors file by its content; name it model\.safetensors/,
  );
});
