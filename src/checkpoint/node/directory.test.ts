import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  type FileHandle,
  mkdir,
  mkdtemp,
  open,
  realpath,
  rename,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { openDirectory } from "./directory.ts";

/** Every file that was opened. */
const handles: FileHandle[] = vi.hoisted(() => []);

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const watchedOpen: typeof open = async (path, ...rest) => {
    // Permissions do not bind root, whom tests may run as: this name is refused to everybody.
    if (String(path).endsWith("secret.bin")) throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    const handle = await original.open(path, ...rest);
    handles.push(handle);
    return handle;
  };
  return { ...original, open: watchedOpen };
});

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-directory-"));
  await mkdir(join(folder, "model", "nested"), { recursive: true });
  await writeFile(join(folder, "model", "data.bin"), new Uint8Array([1, 2, 3, 4, 5]));
  await writeFile(join(folder, "model", "nested", "inner.bin"), "inner");
  await writeFile(join(folder, "outside.bin"), "outside");
  await symlink(join("nested", "inner.bin"), join(folder, "model", "linked.bin"));
  await symlink(join("..", "outside.bin"), join(folder, "model", "leaving.bin"));
  await symlink("nowhere", join(folder, "model", "broken.bin"));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

/** How many files are open now. */
function openFiles(): number {
  return handles.filter((handle) => handle.fd !== -1).length;
}

test("sizes and ranges of bytes, also in nested folders and through links", async () => {
  const files = await openDirectory(join(folder, "model"));
  expect(files.label).toBe(join(folder, "model"));
  expect(await files.size("data.bin")).toBe(5);
  expect([...(await files.read("data.bin", 1, 4))]).toEqual([2, 3, 4]);
  expect(await files.read("data.bin", 5, 5)).toHaveLength(0);
  expect(await files.size("nested/inner.bin")).toBe(5);
  expect(new TextDecoder().decode(await files.read("linked.bin", 0, 5))).toBe("inner");
  expect(await files.list?.()).toContain("linked.bin");
  await files.close();
});

test("a link that leads out of the folder is refused, unless the user named it", async () => {
  const files = await openDirectory(join(folder, "model"));
  for (const name of ["leaving.bin", "elsewhere/outside.bin"]) {
    await symlink("..", join(folder, "model", "elsewhere")).catch(() => {});
    for (const read of [() => files.size(name), () => files.read(name, 0, 1), () => files.identify!(name)])
      await expect(read()).rejects.toMatchObject({
        code: "permission_denied",
        message: expect.stringMatching(
          /is a link that leads out of the folder, to .*outside\.bin, and is not followed/,
        ),
      });
  }
  await files.close();
  const named = await openDirectory(join(folder, "model"), { named: "leaving.bin" });
  expect(await named.size("leaving.bin")).toBe(7);
  await named.close();
});

test.skipIf(process.platform === "win32")(
  "a name that the user gave may have a colon; one of a file may not",
  async () => {
    const name = "2026-11-30 10:30.gguf";
    await writeFile(join(folder, "model", name), "named");
    const files = await openDirectory(join(folder, "model"), { named: name });
    expect([await files.size(name), (await files.identify!(name)).name]).toEqual([5, name]);
    await expect(files.size("other:1.gguf")).rejects.toThrow("is not a file name inside");
    await files.close();
    const unnamed = await openDirectory(join(folder, "model"));
    await expect(unnamed.size(name)).rejects.toThrow("is not a file name inside");
    await unnamed.close();
  },
);

test("a snapshot of the Hub's cache is links to the blobs beside it, and to nothing else", async () => {
  const repository = join(folder, "models--a--b");
  const snapshot = join(repository, "snapshots", "0123");
  await mkdir(snapshot, { recursive: true });
  await mkdir(join(repository, "blobs"));
  await writeFile(join(repository, "blobs", "abc"), "blob");
  await writeFile(join(repository, "other"), "other");
  await symlink(join("..", "..", "blobs", "abc"), join(snapshot, "config.json"));
  await symlink(join("..", "..", "other"), join(snapshot, "tokenizer.json"));
  await symlink(snapshot, join(folder, "alias-of-snapshot"));
  await mkdir(join(snapshot, "Q8_0"));
  await symlink(join("..", "..", "..", "blobs", "abc"), join(snapshot, "Q8_0", "part.gguf"));
  await symlink(join("..", "..", "..", "other"), join(snapshot, "Q8_0", "other.gguf"));
  const nested = await openDirectory(join(snapshot, "Q8_0"));
  expect(await nested.size("part.gguf")).toBe(4);
  await expect(nested.size("other.gguf")).rejects.toMatchObject({ code: "permission_denied" });
  await nested.close();
  for (const path of [snapshot, join(folder, "alias-of-snapshot")]) {
    const files = await openDirectory(path);
    expect(new TextDecoder().decode(await files.read("config.json", 0, 4))).toBe("blob");
    await expect(files.size("tokenizer.json")).rejects.toMatchObject({ code: "permission_denied" });
    await files.close();
  }
});

test("a blob may be a link to what the repositories of the cache share; a snapshot's own link there is refused", async () => {
  const cache = join(folder, "shared-cache");
  const [repository, hash] = [join(cache, "models--a--b"), "ab".repeat(32)];
  const [snapshot, blobs] = [join(repository, "snapshots", "0123"), join(repository, "blobs")];
  for (const path of [join(snapshot, "sub"), blobs, join(cache, "blobs", "ab")]) await mkdir(path, { recursive: true });
  await writeFile(join(cache, "blobs", "ab", hash), "shared");
  await writeFile(join(cache, "blobs", "notes"), "notes");
  await symlink(join("..", "..", "blobs", "ab", hash), join(blobs, "etag"));
  await symlink(join("..", "..", "blobs", "notes"), join(blobs, "odd"));
  await symlink(join("..", "..", "..", "secret"), join(blobs, "outside"));
  await writeFile(join(folder, "secret"), "secret");
  await symlink(join("..", "..", "blobs", "etag"), join(snapshot, "model.safetensors"));
  await symlink(join("..", "..", "..", "blobs", "etag"), join(snapshot, "sub", "m.gguf"));
  await symlink(join("..", "..", "..", "blobs", "ab", hash), join(snapshot, "direct"));
  for (const name of ["odd", "outside"]) await symlink(join("..", "..", "blobs", name), join(snapshot, name));
  const files = await openDirectory(snapshot);
  for (const name of ["model.safetensors", "sub/m.gguf"])
    expect(new TextDecoder().decode(await files.read(name, 0, 6))).toBe("shared");
  for (const name of ["direct", "odd", "outside"])
    await expect(files.size(name), name).rejects.toMatchObject({ code: "permission_denied" });
  await files.close();
});

test("a file in the place of a folder says what it is", async () => {
  const given = async (name: string, content: string) => {
    await writeFile(join(folder, name), content, "latin1");
    return openDirectory(join(folder, name)).then(
      () => "opened",
      (error: Error & { code: string }) => `${error.code}: ${error.message.replace(folder, "")}`,
    );
  };
  expect(await given("model.pt", "PK\x03\x04...")).toMatch(
    /^unsupported: \/model\.pt is a pickle, a format that can run code/,
  );
  expect(await given("pytorch_model.bin", "")).toMatch(
    /^unsupported: \/pytorch_model\.bin is a file of weights, a format that can run code/,
  );
  expect(await given("page", "<!doctype html>")).toMatch(/^invalid_checkpoint: \/page is a web page/);
  expect(await given("model.safetensors", "x")).toMatch(/^invalid_option: .*is a file; give the folder that holds/);
});

test("a file is identified by size, time and beginning; a folder by its real path", async () => {
  const path = join(folder, "model", "changing.bin");
  const bytes = new Uint8Array(2 ** 20 + 10).fill(5);
  await writeFile(path, bytes);
  await utimes(path, 1e9, 1e9);
  await symlink("model", join(folder, "alias"));
  const open = () => openDirectory(join(folder, "alias"));
  const identify = async () => {
    const files = await open();
    const identity = await files.identify?.("changing.bin");
    await files.close();
    return identity;
  };
  const files = await open();
  expect(files.realPath).toBe(join(await realpath(folder), "model"));
  await expect(files.identify?.("absent")).rejects.toMatchObject({ code: "not_found" });
  await expect(files.identify?.("../outside.bin")).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await files.close();
  await expect(files.identify?.("data.bin")).rejects.toMatchObject({ code: "closed" });

  const before = await identify();
  const headerHash = createHash("sha256")
    .update(bytes.subarray(0, 2 ** 20))
    .digest("hex");
  expect(before).toEqual({ name: "changing.bin", size: bytes.length, modified: 1e12, headerHash });
  expect(await identify()).toEqual(before);

  await utimes(path, 1e9, 1e9 + 1);
  expect(await identify()).toEqual({ ...before, modified: 1e12 + 1000 });
  bytes[7] = 6;
  await writeFile(path, bytes);
  await utimes(path, 1e9, 1e9);
  expect((await identify())?.headerHash).not.toBe(headerHash);
});

test("a file that is open is identified as itself when another one has its place", async () => {
  const path = join(folder, "model", "replaced.bin");
  const [old, other] = [new Uint8Array(100).fill(1), new Uint8Array(100).fill(1)];
  await writeFile(path, old);
  await utimes(path, 1e9, 1e9);
  const files = await openDirectory(join(folder, "model"));
  await files.read("replaced.bin", 0, 10);
  await writeFile(`${path}.new`, other);
  await rename(`${path}.new`, path);
  expect(await files.identify?.("replaced.bin")).toMatchObject({ size: 100, modified: 1e12 });
  await files.close();
});

test("what is not there, a folder, and a broken link have no size", async () => {
  const files = await openDirectory(join(folder, "model"));
  for (const name of ["absent", "nested", "broken.bin", "data.bin/inner"]) {
    expect(await files.size(name)).toBeUndefined();
    await expect(files.read(name, 0, 1)).rejects.toMatchObject({ code: "not_found" });
  }
  await files.close();
});

test("a pipe in the folder neither blocks nor counts as a file", async () => {
  execFileSync("mkfifo", [join(folder, "model", "pipe")]);
  const files = await openDirectory(join(folder, "model"));
  expect(await files.size("pipe")).toBeUndefined();
  await files.close();
});

test("ranges outside the file and names outside the folder are refused", async () => {
  const files = await openDirectory(join(folder, "model"));
  await expect(files.read("data.bin", 0, 6)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await expect(files.read("data.bin", 0, 2 ** 40)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await expect(files.read("../outside.bin", 0, 1)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await expect(files.size(join(folder, "outside.bin"))).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await files.close();
});

test("a file that became shorter is an error, not zeros or a crash", async () => {
  const path = join(folder, "model", "shrinking.bin");
  await writeFile(path, "12345678");
  const files = await openDirectory(join(folder, "model"));
  const size = files.size("shrinking.bin");
  expect(await size).toBe(8);
  await truncate(path, 4);
  await expect(files.read("shrinking.bin", 0, 8)).rejects.toMatchObject({ code: "invalid_checkpoint" });
  await files.close();
});

test("files are opened when they are read, stay open, and are closed in the end", async () => {
  const files = await openDirectory(join(folder, "model"));
  await files.size("data.bin");
  expect(openFiles()).toBe(0);
  await Promise.all([files.read("data.bin", 0, 1), files.read("data.bin", 1, 2), files.read("linked.bin", 0, 1)]);
  expect(openFiles()).toBe(2);
  const pending = expect(files.read("data.bin", 0, 5)).rejects.toMatchObject({ code: "closed" });
  await files.close();
  await files.close();
  await pending;
  expect(openFiles()).toBe(0);
  await expect(files.read("data.bin", 0, 1)).rejects.toMatchObject({ code: "closed" });
  await expect(files.size("data.bin")).rejects.toMatchObject({ code: "closed" });
});

test("a folder that is not there, and a file in its place, are errors that help", async () => {
  await expect(openDirectory(join(folder, "absent"))).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/absent: there is no such folder/),
  });
  await expect(openDirectory(join(folder, "outside.bin", "x"))).rejects.toMatchObject({ code: "not_found" });
  await expect(openDirectory(join(folder, "outside.bin"))).rejects.toMatchObject({
    code: "invalid_option",
    message: expect.stringMatching(/is a file; give the folder/),
  });
  await expect(openDirectory("a\0b")).rejects.toMatchObject({ name: "CheckpointError" });
});

test("a file that may not be read is an error of permissions, each time", async () => {
  await writeFile(join(folder, "model", "secret.bin"), "secret");
  const files = await openDirectory(join(folder, "model"));
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(files.read("secret.bin", 0, 1)).rejects.toMatchObject({
      code: "permission_denied",
      message: expect.stringMatching(/secret\.bin may not be read/),
    });
  }
  await files.close();
});

test("a file of more than 4 GiB is read at its far end", async () => {
  const path = join(folder, "model", "sparse.bin");
  const size = 2 ** 32 + 100;
  const handle = await open(path, "w");
  await handle.write(new Uint8Array([7, 8, 9]), 0, 3, size - 3);
  await handle.close();
  const files = await openDirectory(join(folder, "model"));
  expect(await files.size("sparse.bin")).toBe(size);
  expect([...(await files.read("sparse.bin", size - 4, size))]).toEqual([0, 7, 8, 9]);
  await files.close();
});
