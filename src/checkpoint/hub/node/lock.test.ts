import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { isLocked, takeLock } from "./lock.ts";

/** Permissions do not bind root, whom tests may run as: what renaming is refused with, and how often it was tried. */
const renaming = vi.hoisted(() => ({
  refusedWith: undefined as string | undefined,
  attempts: 0,
  mostRefused: Infinity,
}));

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const refusingRename: typeof original.rename = async (...call) => {
    renaming.attempts++;
    if (renaming.refusedWith === undefined || renaming.attempts > renaming.mostRefused) return original.rename(...call);
    throw Object.assign(new Error(renaming.refusedWith), { code: renaming.refusedWith });
  };
  return { ...original, rename: refusingRename };
});

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-lock-"));
  path = join(folder, "deep", "file.lock");
});
afterEach(async () => {
  Object.assign(renaming, { refusedWith: undefined, attempts: 0, mostRefused: Infinity });
  await rm(folder, { recursive: true });
});

const never = async (): Promise<boolean> => false;

test("one at a time holds it", async () => {
  const inside: number[] = [];
  let most = 0;
  const work = async (number: number): Promise<void> => {
    const lock = await takeLock(path, never, undefined);
    inside.push(number);
    most = Math.max(most, inside.length);
    await new Promise((resolve) => setTimeout(resolve, 20));
    inside.pop();
    await lock!.release();
  };
  await Promise.all([1, 2, 3, 4].map(work));
  expect(most).toBe(1);
  expect(await isLocked(path)).toBe(false);
  expect(await readdir(join(folder, "deep"))).toEqual([]);
});

test("who waits leaves when there is nothing left to do, or when it is told to stop", async () => {
  const lock = await takeLock(path, never, undefined);
  expect(await isLocked(path)).toBe(true);
  let asked = 0;
  expect(await takeLock(path, async () => ++asked === 2, undefined)).toBeUndefined();
  await expect(takeLock(path, never, AbortSignal.timeout(50))).rejects.toMatchObject({ name: "TimeoutError" });
  await lock!.release();
});

test("the lock of a process that has ended, or gives no sign of life, is taken by one of those who wait", async () => {
  const left = [`999999999 ${hostname()} x`, `1 another-machine x`, ""];
  for (const owner of left) {
    const first = await takeLock(path, never, undefined);
    await first!.release();
    await writeFile(path, owner);
    await utimes(path, new Date(), new Date(owner.startsWith("9") ? Date.now() : Date.now() - 60_000));
    expect(await isLocked(path)).toBe(false);
    const locks = [takeLock(path, never, undefined), takeLock(path, never, undefined)];
    const taken = await Promise.race(locks);
    expect(await isLocked(path)).toBe(true);
    await taken!.release();
    for (const lock of await Promise.all(locks)) await lock!.release();
  }
});

test("a lock of another machine that gives signs of life is left alone", async () => {
  await (await takeLock(path, never, undefined))!.release();
  await writeFile(path, "1 another-machine x");
  await expect(takeLock(path, never, AbortSignal.timeout(300))).rejects.toMatchObject({ name: "TimeoutError" });
});

test("a lock that was left and may not be removed is an error that names it", async () => {
  await (await takeLock(path, never, undefined))!.release();
  await writeFile(path, `999999999 ${hostname()} x`);
  renaming.refusedWith = "EACCES";
  await expect(takeLock(path, never, AbortSignal.timeout(2000))).rejects.toMatchObject({
    name: "HubError",
    code: "write_failed",
    message: expect.stringMatching(/file\.lock was left by a process that has ended, and cannot be removed \(EACCES\)/),
  });
});

test("a lock that another process has open for a moment, or took away meanwhile, is no error", async () => {
  for (const refusedWith of ["EPERM", "EACCES", "EBUSY"]) {
    await (await takeLock(path, never, undefined))!.release();
    await writeFile(path, `999999999 ${hostname()} x`);
    Object.assign(renaming, { refusedWith, attempts: 0, mostRefused: 2 });
    await (await takeLock(path, never, undefined))!.release();
    expect(renaming.attempts).toBe(3);

    await writeFile(path, `999999999 ${hostname()} x`);
    Object.assign(renaming, { attempts: 0, mostRefused: Infinity });
    const taking = takeLock(path, never, undefined);
    await vi.waitFor(() => expect(renaming.attempts).toBe(1));
    await rm(path);
    await (await taking)!.release();
  }
});

test("who is slower than another one at taking a lock away does not spin, and can be told to stop", async () => {
  await (await takeLock(path, never, undefined))!.release();
  await writeFile(path, `999999999 ${hostname()} x`);
  renaming.refusedWith = "ENOENT";
  await expect(takeLock(path, never, AbortSignal.timeout(500))).rejects.toMatchObject({ name: "TimeoutError" });
  expect(renaming.attempts).toBeLessThan(10);
});
