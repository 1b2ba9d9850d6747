import { Command } from "commander";
import { clearCachedWeights, listCachedWeights, SkeinError, type WeightCacheListing } from "../index.ts";
import { countFiles } from "./count.ts";
import { fitForTerminal } from "./errors.ts";
import { formatTime } from "./format-time.ts";
import { formatBytes } from "./inspect-facts.ts";
import { isNotAFolder } from "./node/not-a-folder.ts";
import { print, printJson, style, table } from "./node/terminal.ts";

interface CacheFlags {
  readonly json?: true;
}

/** `skein cache`: which models' weights lie repacked on the disk, and removing them. */
export function createCacheCommand(): Command {
  const command = new Command("cache")
    .description("Show or remove the repacked weights that make a model's second start quick.")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
SKEIN_CACHE is the folder, SKEIN_CACHE_LIMIT what it may take (20GB; 0: no cache). The least recently used make room.

Examples:
  $ skein cache                                   what is there
  $ skein cache clear ./Qwen2-7B-Instruct         remove one model's weights
  $ skein cache clear                             remove everything
  $ skein cache --json`,
    )
    .action(show);
  const clear = new Command("clear")
    .description("Remove repacked weights from the disk; the next start of a model makes them again.")
    .argument("[model]", "a model's folder, as `skein cache` shows it or as a path to it (default: everything)")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ skein cache clear ./Qwen2-7B-Instruct
  $ skein cache clear`,
    )
    // Before and after the word: the flag belongs to both commands.
    .action((model: string | undefined) =>
      remove(model, { ...command.opts<CacheFlags>(), ...clear.opts<CacheFlags>() }),
    );
  return command.addCommand(clear);
}

async function show({ json }: CacheFlags): Promise<void> {
  const listing = await list();
  if (json) printJson(listing);
  else print(describe(listing));
}

/** @throws SkeinError (code `not_found`) where the folder is something else: to say that nothing is there would hide a mistake */
async function list(): Promise<WeightCacheListing> {
  const listing = await listCachedWeights();
  const { folder } = listing;
  if (folder !== null && (await isNotAFolder(folder)))
    throw new SkeinError("not_found", `SKEIN_CACHE: ${folder} is not a folder, so that nothing is kept; name a folder`);
  return listing;
}

async function remove(model: string | undefined, { json }: CacheFlags): Promise<void> {
  await list();
  const cleared = await clearCachedWeights(model);
  if (model !== undefined && cleared.files === 0) {
    throw new SkeinError("not_found", `${model}: no weights of this model are cached; skein cache shows what is there`);
  }
  if (json) printJson(cleared);
  else if (cleared.files === 0) print("Nothing is cached.");
  else print(`Removed ${countFiles(cleared.files)}, ${formatBytes(cleared.bytes)}.`);
}

function describe({ folder, limit, bytes, entries, unusable }: WeightCacheListing): string {
  if (folder === null) return "There is no cache: no folder for it is known. SKEIN_CACHE names one.";
  const place = fitForTerminal(folder);
  const limited = limit === 0 ? "The cache is turned off (SKEIN_CACHE_LIMIT is 0)." : `At most ${formatBytes(limit)}.`;
  if (entries.length + unusable.files === 0) return `Nothing is cached in ${place}. ${limited}`;
  const rows = entries.map(({ source, format, bytes: size, lastUsed }) => [
    fitForTerminal(source),
    fitForTerminal(format),
    formatBytes(size),
    formatTime(lastUsed),
  ]);
  const heading = ["model", "format", "size", "last used"].map((text) => style("bold", text));
  return [
    ...(rows.length === 0 ? [] : [table([heading, ...rows], "llrl"), ""]),
    ...(unusable.files === 0
      ? []
      : [`${countFiles(unusable.files)} unfinished, damaged or of another version: ${formatBytes(unusable.bytes)}`]),
    `${formatBytes(bytes)} in ${place}. ${limited}`,
  ].join("\n");
}
