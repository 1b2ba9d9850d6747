import type { HubAddress, ModelInspection } from "../inspection.ts";

/** A text as one word of a POSIX shell. */
export function quoteForShell(text: string): string {
  return /^[\w./:@+-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** A text as a Python string. */
export function quoteForPython(text: string): string {
  return JSON.stringify(text);
}

/** A command on lines of its own: the program, and an indented line for each group of arguments. */
export function command(program: string, ...groups: readonly string[]): string {
  return [program, ...groups.filter((group) => group !== "")].join(" \\\n  ");
}

/** Where the engine finds the model: a Hub's repository, or a path as it is given; of a web address, its last part, which is to be downloaded. */
export function modelPath({ name, hub }: ModelInspection): string {
  if (hub !== null) return hub.repository;
  if (/^file:\/\//i.test(name)) return decode(new URL(name).pathname);
  if (!/^https?:\/\//i.test(name)) return name;
  return decode(new URL(name).pathname.replace(/\/+$/, "").replace(/^.*\//, "")) || "model";
}

/** The branch, tag or commit that the engine is told; undefined where it takes the right one by itself. */
export function revisionOf({ hub }: ModelInspection): string | undefined {
  return hub === null || hub.revision === "main" ? undefined : hub.revision;
}

/** The same as a flag, as vLLM, SGLang and `hf` have it; nothing where it is not needed. */
export function revisionFlag(inspection: ModelInspection): string {
  const revision = revisionOf(inspection);
  return revision === undefined ? "" : `--revision ${quoteForShell(revision)}`;
}

/** The folder or the GGUF file: of what is on the Hub, as it lies in the folder of its name into which it is downloaded. */
export function localPath(inspection: ModelInspection): string {
  const { hub } = inspection;
  if (hub === null) return modelPath(inspection);
  return [downloadFolder(hub), ...hub.gguf.slice(0, 1)].join("/");
}

export function downloadFolder({ repository }: HubAddress): string {
  return repository.replace(/^.*\//, "");
}

/** Without its percent signs, where they mean anything: not control characters, which no command should have in it. */
function decode(path: string): string {
  try {
    const decoded = decodeURIComponent(path);
    return /\p{C}/u.test(decoded) ? path : decoded;
  } catch {
    return path;
  }
}

/** A short name made of the model's: `qwen2-7b-instruct`. */
export function shortName(inspection: ModelInspection): string {
  const last = localPath(inspection)
    .replace(/[\\/]+$/, "")
    .replace(/^.*[\\/]/, "");
  const short = last
    .replace(/(-\d{5}-of-\d{5})?\.gguf$/i, "")
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, "-");
  return short.replace(/^[.-]+/, "") || "model";
}

/** The fields of a scaling block, as JSON and Python have them; a factor with its point, because transformers wants no integer there. */
export function blockFields(fields: Readonly<Record<string, string | number>>): readonly string[] {
  return Object.entries(fields).map(([key, value]) => {
    const isWhole = key === "factor" && Number.isInteger(value);
    return `${JSON.stringify(key)}: ${JSON.stringify(value)}${isWhole ? ".0" : ""}`;
  });
}

/** A scaling block as JSON, two fields a line, for a quoted argument: the JSON goes on behind what stands before it. */
export function blockAsJson(name: string, fields: Readonly<Record<string, string | number>>): string {
  const entries = blockFields(fields);
  const lines = entries.flatMap((entry, i) =>
    i % 2 === 0 ? [[entry, entries[i + 1]].filter(Boolean).join(", ")] : [],
  );
  return `${JSON.stringify(name)}: {\n    ${lines.join(",\n    ")}}`;
}
