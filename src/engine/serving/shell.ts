import type { ModelInspection } from "../inspection.ts";

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

/** Where the engine finds the model: a Hub name or path as it is given; of a web address, its last part, which is to be downloaded. */
export function modelPath({ name }: ModelInspection): string {
  if (/^file:\/\//i.test(name)) return decode(new URL(name).pathname);
  if (!/^https?:\/\//i.test(name)) return name;
  return decode(new URL(name).pathname.replace(/\/+$/, "").replace(/^.*\//, "")) || "model";
}

/** Without its percent signs, where they mean anything. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}

/** A short name made of the model's: `qwen2-7b-instruct`. */
export function shortName(inspection: ModelInspection): string {
  const last = modelPath(inspection)
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
