import type { DownloadPlan } from "../index.ts";
import { countFiles } from "./count.ts";
import { fitForTerminal } from "./errors.ts";
import { formatBytes } from "./inspect-facts.ts";
import { note, styleError } from "./node/terminal.ts";

/** Says to stderr what is going to be downloaded, before anything is. */
export function announceDownload(plan: DownloadPlan): void {
  note(styleError("dim", fitForTerminal(describePlan(plan))));
}

/** For `download` of the API: whoever names a model wants it, and is told what it takes. */
export function agreeToDownload(plan: DownloadPlan): true {
  announceDownload(plan);
  return true;
}

function describePlan({ id, commit, files, bytes, missingBytes, host }: DownloadPlan): string {
  const what = `${id} (commit ${commit.slice(0, 8)}): ${countFiles(files.length)}, ${formatBytes(bytes)}`;
  if (missingBytes === 0) return `${what}; all of it is there`;
  const rest = missingBytes < bytes ? `, ${formatBytes(missingBytes)} of it still to come` : "";
  return `${what}${rest}; downloading from ${host}`;
}
