import { gzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { compilePacked } from "./compile-packed.ts";

const emptyModule = Uint8Array.of(0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00);

test("a compressed module and one that was decompressed on its way are compiled", async () => {
  expect(await compilePacked(new Uint8Array(gzipSync(emptyModule)))).toBeInstanceOf(WebAssembly.Module);
  expect(await compilePacked(emptyModule)).toBeInstanceOf(WebAssembly.Module);
});

test("a file that was cut short, and a page that says that there is none, are errors", async () => {
  await expect(compilePacked(new Uint8Array(gzipSync(emptyModule)).slice(0, -9))).rejects.toThrow();
  await expect(compilePacked(new TextEncoder().encode("<!doctype html>"))).rejects.toThrow(WebAssembly.CompileError);
});
