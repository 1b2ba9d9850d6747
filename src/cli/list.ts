import { Command } from "commander";
import { type HubListing, type ListedModel, type ListedRevision, listHubModels, SkeinError } from "../index.ts";
import { fitForTerminal } from "./errors.ts";
import { formatTime } from "./format-time.ts";
import { formatBytes } from "./inspect-facts.ts";
import { isNotAFolder } from "./node/not-a-folder.ts";
import { print, printJson, style, table } from "./node/terminal.ts";

/** `skein list`: the models in the Hub's cache. */
export function createListCommand(): Command {
  return new Command("list")
    .description("Show the models in the Hub's cache, whoever downloaded them.")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
The cache is that of Python's huggingface_hub; HF_HOME or HF_HUB_CACHE name its folder.

Examples:
  $ skein list
  $ skein list --json`,
    )
    .action(async ({ json }: { readonly json?: true }) => {
      const listing = await listHubModels();
      if (await isNotAFolder(listing.folder))
        throw new SkeinError(
          "not_found",
          `${listing.folder} is not a folder; HF_HOME or HF_HUB_CACHE names the cache's`,
        );
      if (json) printJson(listing);
      else print(describe(listing));
    });
}

function describe({ folder, bytes, models }: HubListing): string {
  const place = fitForTerminal(folder);
  if (models.length === 0) return `There are no models in ${place}; skein pull downloads one.`;
  const heading = ["model", "commit", "files", "size", "changed"].map((text) => style("bold", text));
  const unfinished = models.filter(({ unfinishedBytes }) => unfinishedBytes > 0);
  return [
    table([heading, ...models.flatMap(describeModel)], "llrrl"),
    "",
    ...unfinished.map(
      (model) =>
        `${fitForTerminal(model.repository)}: ${formatBytes(model.unfinishedBytes)} of a download that is not complete; skein pull goes on with it`,
    ),
    `${formatBytes(bytes)} in ${place}.`,
  ].join("\n");
}

function describeModel({ repository, revisions }: ListedModel): string[][] {
  return revisions.map((revision) => [
    fitForTerminal(`${repository}${nameOf(revision)}`),
    revision.commit.slice(0, 8),
    String(revision.files.length),
    formatBytes(revision.bytes),
    formatTime(revision.modified),
  ]);
}

/** As `main` need not be said, and a commit without a name is its own. */
function nameOf({ names, commit }: ListedRevision): string {
  if (names.includes("main")) return "";
  return `@${names[0] ?? commit.slice(0, 8)}`;
}
