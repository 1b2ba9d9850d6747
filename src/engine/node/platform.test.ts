import type { access } from "node:fs/promises";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { platform } from "./platform.ts";

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const refusing: typeof access = async (path, mode) => {
    // Permissions do not bind root, whom tests may run as: this name is refused to everybody who asks to read.
    if (String(path).endsWith("secret") && mode === original.constants.R_OK)
      throw Object.assign(new Error("EACCES"), { code: "EACCES" });
    await original.access(path, mode);
  };
  return { ...original, access: refusing };
});

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-platform-"));
  await writeFile(join(folder, "open"), "hello");
  await writeFile(join(folder, "secret"), "hello");
});
afterAll(() => rm(folder, { recursive: true }));

test("a file that may not be read is an error of permissions, one that is not there is not found", async () => {
  expect(await (await platform.openFile(join(folder, "open"))).text()).toBe("hello");
  const expected = [
    ["secret", "permission_denied", /secret may not be read; check its permissions$/],
    ["none", "not_found", /none: cannot be read \(ENOENT\)$/],
    [".", "not_found", /: is not a file$/],
  ] as const;
  for (const [name, code, message] of expected) {
    const error = { code, message: expect.stringMatching(message) };
    await expect(platform.openFile(join(folder, name))).rejects.toMatchObject(error);
  }
});
