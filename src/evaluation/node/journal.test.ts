import { spawnSync } from "node:child_process";
import {
  appendFile,
  copyFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { homedir, hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { evaluate } from "../evaluate.ts";
import type { Sample } from "../result.ts";
import { openJournal } from "./journal.ts";
import { lockJournal } from "./journal-lock.ts";
import { identifyFiles, journalPath } from "./journal-path.ts";
import { openTestPlan, untold } from "./test-target.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-journal-"));
});
afterAll(() => rm(folder, { recursive: true }));

const now = (): number => 1;

/** @returns how many finished trials another process would find at this path, which may be being written */
async function countKept(path: string): Promise<number> {
  const copy = `${path}.copy`;
  await rm(copy, { force: true });
  await copyFile(path, copy).catch(() => {}); // none is none
  await using journal = await openJournal(copy, { resume: true, now });
  return journal.kept;
}

test("a run that was interrupted goes on where it stopped, and comes to the same result", async () => {
  const path = join(folder, "deep", "run.jsonl");
  const { plan, target } = await openTestPlan(["none", "yarn-dynamic"], { lengths: [128, 300], samples: 4 });
  await using _ = target;
  const whole = await evaluate(plan, { suites: ["passkey"], signal: untold.signal });

  const stop = new AbortController();
  {
    await using journal = await openJournal(path, { resume: false, now });
    const write: typeof journal.write = async (id, samples) => {
      await journal.write(id, samples);
      if (journal.kept === 5) stop.abort(new Error("stopped"));
    };
    const options = { suites: ["passkey"] as const, journal: { read: journal.read, write }, signal: stop.signal };
    await expect(evaluate(plan, options)).rejects.toThrow("stopped");
  }
  const kept = await countKept(path);
  expect(kept).toBeGreaterThanOrEqual(5);
  await truncate(path, (await stat(path)).size - 7); // the process ended while it wrote
  expect(await countKept(path)).toBe(kept - 1);

  await using journal = await openJournal(path, { resume: true, now });
  expect(journal.kept).toBe(kept - 1);
  let computed = 0;
  const counting = {
    read: journal.read,
    write: (...entry: Parameters<typeof journal.write>) => {
      computed++;
      return journal.write(...entry);
    },
  };
  const resumed = await evaluate(plan, { suites: ["passkey"], journal: counting, signal: untold.signal });
  expect(resumed).toEqual(whole);
  expect([computed, journal.secondsBefore]).toEqual([16 - (kept - 1), 1]);
  await journal.remove();
  await journal.remove(); // as another process with the same settings does
  expect(await countKept(path)).toBe(0);
});

test("lines that are damaged count as not written", async () => {
  const path = join(folder, "damaged.jsonl");
  const sample = { suite: "passkey", task: "passkey", method: "none", factor: 1, length: 1, index: 0, promptHash: "a" };
  const line = (id: unknown, samples: unknown): string => `${JSON.stringify({ id, seconds: 2, samples })}\n`;
  const lines = [
    line("a", [sample]),
    "{",
    "null\n",
    line(7, []),
    line("b", [{ ...sample, length: "1" }]),
    line("c", [null]),
    line("d", 3),
  ];
  await writeFile(path, lines.join("\n"));
  await appendFile(path, new Uint8Array([0xff, 0x00, 0x7b]));
  await using journal = await openJournal(path, { resume: true, now });
  expect([journal.kept, journal.read("a")]).toEqual([1, [sample]]);
  await journal.write("e", []);
  await journal.write("f", [sample as Sample]);
  expect([journal.kept, await countKept(path)]).toEqual([2, 2]); // one that had no room is nothing to go on with
  expect(await readFile(path, "utf8")).toContain('\n{"id":"e","seconds":3,"samples":[]}\n{"id":"f",');
});

test("without resuming a journal begins anew; where none can be written it says where", async () => {
  const path = join(folder, "again.jsonl");
  await writeFile(path, `${JSON.stringify({ id: "a", seconds: 1, samples: [] })}\n`);
  await using journal = await openJournal(path, { resume: false, now });
  expect([journal.kept, await countKept(path)]).toEqual([0, 0]);
  await expect(openJournal(join(path, "below"), { resume: true, now })).rejects.toThrow(join(path, "below"));
});

test.runIf(process.platform === "linux")(
  "a place that takes no folders is an error soon, which says what helps",
  async () => {
    await expect(openJournal("/proc/evaluations/run.jsonl", { resume: true, now })).rejects.toMatchObject({
      code: "write_failed",
      message: expect.stringMatching(
        /^\/proc\/evaluations\/run\.jsonl: .* ENOENT\); SKEIN_STATE names another folder$/,
      ),
    });
  },
);

test("what is kept belongs to the model's files as they are, and to what was asked for", async () => {
  const file = join(folder, "model.safetensors");
  await writeFile(file, "a");
  const before = await identifyFiles(folder);
  await writeFile(file, "ab");
  expect(await identifyFiles(folder)).not.toEqual(before);
  expect(await identifyFiles("Qwen/Qwen2-0.5B")).toEqual(["Qwen/Qwen2-0.5B"]);
  const { HF_HUB_CACHE: cache } = process.env;
  process.env.HF_HUB_CACHE = join(folder, "hub");
  try {
    const repository = join(folder, "hub", "models--a--b");
    for (const commit of ["1".repeat(40), "2".repeat(40)]) {
      await mkdir(join(repository, "refs"), { recursive: true });
      await mkdir(join(repository, "snapshots", commit), { recursive: true });
      await writeFile(join(repository, "snapshots", commit, "config.json"), "{}");
      await writeFile(join(repository, "refs", "main"), commit);
      for (const id of ["a/b", "a/b:Q4_K_M", "a/b/c.gguf", "a/b@main", `a/b@${commit}`])
        expect(await identifyFiles(id)).toEqual([id, join(repository, "snapshots", commit)]);
    }
    expect(await identifyFiles("a/b@v1")).toEqual(["a/b@v1"]);
  } finally {
    if (cache === undefined) delete process.env.HF_HUB_CACHE;
    else process.env.HF_HUB_CACHE = cache;
  }
  const lengths = { lengths: ["1x"] };
  expect(journalPath({ seed: 1 }, lengths)).not.toBe(journalPath({ seed: 2 }, lengths));
  expect(journalPath({ seed: 1 }, lengths)).not.toBe(journalPath({ seed: 1 }, { lengths: ["2x"] }));
  expect(journalPath({ seed: 1 }, lengths)).toBe(journalPath({ seed: 1 }, lengths));
  vi.stubEnv("SKEIN_STATE", "~/state");
  expect(journalPath({}, {})).toContain(join(homedir(), "state", "evaluations"));
  vi.unstubAllEnvs();
});

test.skipIf(process.platform === "win32")("a link to nothing beside a model does not end its evaluation", async () => {
  const own = join(folder, "linked");
  await mkdir(own);
  await symlink("nowhere", join(own, "extra.json"));
  expect(await identifyFiles(own)).toHaveLength(2);
});

test("what a run keeps is not touched by one that is asked for other parts, and goes into one that asks for these too", async () => {
  const place = join(folder, "akin");
  const [first, second, both, stranger] = ["a-1", "a-2", "a-3", "b-1"].map((name) => join(place, `${name}.jsonl`));
  const keep = async (path: string, ids: readonly string[]): Promise<void> => {
    await using journal = await openJournal(path, { resume: false, now });
    for (const id of ids) await journal.write(id, []);
  };
  await keep(stranger!, ["z"]);
  await keep(first!, ["x", "y"]);
  await keep(join(place, "a.jsonl"), ["w"]); // of before there was a name for what was asked for
  {
    await using journal = await openJournal(second!, { resume: false, now });
    await journal.write("v", []);
    expect([journal.read("x"), journal.replaced]).toEqual([undefined, 0]);
    await journal.remove();
  }
  expect((await readdir(place)).sort()).toEqual(["a-1.jsonl", "a.jsonl", "b-1.jsonl"]);
  const journal = await openJournal(both!, { resume: true, now });
  expect(["w", "x", "y", "z"].map((id) => journal.read(id))).toEqual([[], [], [], undefined]);
  await journal[Symbol.asyncDispose]();
  await openJournal(first!, { resume: true, now }).then(async (writing) => {
    await journal.remove();
    await writing[Symbol.asyncDispose]();
  });
  expect((await readdir(place)).sort()).toEqual(["a-1.jsonl", "b-1.jsonl"]); // one of them was being written
  await using again = await openJournal(both!, { resume: true, now });
  again.read("x");
  await again.remove();
  expect(await readdir(place)).toContain("a-1.jsonl"); // not all of it is in the result
  again.read("y");
  await openJournal(first!, { resume: true, now }).then(async (writing) => {
    await writing.write("u", []);
    await writing[Symbol.asyncDispose]();
  });
  await again.remove();
  expect(await readdir(place)).toContain("a-1.jsonl"); // it has got more since it was read
});

test("of what other runs took counts the time to the last part that is needed", async () => {
  const place = join(folder, "seconds");
  let seconds = 0;
  {
    await using journal = await openJournal(join(place, "a-1.jsonl"), { resume: false, now: () => seconds });
    for (const [id, finished] of [
      ["x", 10],
      ["y", 100],
    ] as const) {
      seconds = finished;
      await journal.write(id, []);
    }
  }
  await using journal = await openJournal(join(place, "a-2.jsonl"), { resume: true, now });
  journal.read("z");
  expect(journal.secondsBefore).toBe(0);
  journal.read("x");
  expect(journal.secondsBefore).toBe(10);
  await journal.write("z", []);
  expect(await readFile(join(place, "a-2.jsonl"), "utf8")).toContain('{"id":"z","seconds":11,');
});

test("a journal has one writer at a time; one that has ended is none", async () => {
  const path = join(folder, "alone.jsonl");
  {
    await using journal = await openJournal(path, { resume: false, now });
    await journal.write("a", []);
    const second = openJournal(path, { resume: false, now });
    await expect(second).rejects.toMatchObject({
      code: "busy",
      message: expect.stringMatching(`${path}.lock: process ${process.pid} measures the same at the moment; `),
    });
    expect(await readFile(path, "utf8")).toContain('"id":"a"');
  }
  const ended = spawnSync(process.execPath, ["--version"]).pid;
  const minuteAgo = new Date(Date.now() - 60_000);
  for (const [owner, refusal, touched = new Date()] of [
    [`${ended} ${hostname()} x`, `process ${ended} `], // perhaps in another container
    [`${ended} ${hostname()} x`, undefined, new Date(Date.now() - 8000)],
    [`${ended} elsewhere x`, `${ended} on elsewhere`],
    [`${ended} elsewhere x`, undefined, minuteAgo],
    [`${process.pid} ${hostname()} x`, `process ${process.pid} `],
    [`${process.pid} ${hostname()} x`, undefined, minuteAgo], // the number is another process's by now
    ["", "another process"],
    ["", undefined, minuteAgo],
  ] as const) {
    await writeFile(`${path}.lock`, owner);
    await utimes(`${path}.lock`, touched, touched);
    const opened = openJournal(path, { resume: true, now }).then((journal) => journal[Symbol.asyncDispose]());
    await (refusal === undefined ? opened : expect(opened).rejects.toThrow(refusal));
  }
  await expect(stat(`${path}.lock`)).rejects.toThrow("ENOENT");
});

test("of many who find a lock that was left, or none, one has it, and gives no sign of life afterwards", async () => {
  const ended = spawnSync(process.execPath, ["--version"]).pid;
  const place = await mkdtemp(join(folder, "locks-"));
  const path = join(place, "run.lock");
  for (let round = 0; round < 30; round++) {
    if (round % 2 === 0) {
      await writeFile(path, `${ended} ${hostname()} x`);
      await utimes(path, new Date(0), new Date(0));
    }
    const taken = await Promise.allSettled(Array.from({ length: 8 }, () => lockJournal(path)));
    const held = taken.filter((lock) => lock.status === "fulfilled");
    expect(held).toHaveLength(1);
    for (const { reason } of taken.filter((lock) => lock.status === "rejected"))
      expect(reason).toMatchObject({ code: "busy" });
    await held[0]!.value();
    expect(await readdir(place)).toEqual([]);
  }
});
