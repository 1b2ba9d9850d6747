import { InvalidOptionError } from "../../errors.ts";
import { quoteName } from "../errors.ts";

/** A model on the Hub: `Qwen/Qwen2-0.5B-Instruct@main`, or one of several in a repository of GGUF files. */
export interface ModelId {
  /** `Qwen/Qwen2-0.5B-Instruct` */
  readonly repository: string;
  /** A branch, a tag or a commit; `main` unless given. */
  readonly revision: string;
  /** `owner/name/FILE.gguf`: the file's path in the repository. */
  readonly file?: string;
  /** `owner/name:Q4_K_M`: the quantisation that the file's name ends with. */
  readonly quantisation?: string;
}

/** Owner and name, then a GGUF file, a quantisation and a revision, each of which may be left out. */
const pattern =
  /^(?<repository>\w[\w.-]*\/\w[\w.-]*)(?<file>(?:\/[^/@:\\]+)*\/[^/@:\\]+\.gguf)?(?<before>@[^@:\\]+)?(?<quantisation>:\w[\w.-]*)?(?<after>@[^@:\\]+)?$/i;

/**
 * Reads a Hub id with what may stand behind it. Only its form is looked at: whether a folder or file of this name exists, which comes first, is the
 * caller's question.
 *
 * @returns undefined when it cannot be an id: a path or a URL
 */
export function parseModelId(text: string): ModelId | undefined {
  const groups = text.length <= 1024 ? pattern.exec(text)?.groups : undefined;
  const { repository = "", file, before, quantisation, after } = groups ?? {};
  if (!isRepository(repository) || (before !== undefined && after !== undefined)) return undefined;
  const revision = (before ?? after)?.slice(1) ?? "main";
  if (!isRevision(revision) || (file !== undefined && quantisation !== undefined)) return undefined;
  if (file?.split("/").some((part) => part === "." || part === "..")) return undefined;
  return {
    repository,
    revision,
    ...(file === undefined ? {} : { file: file.slice(1) }),
    ...(quantisation === undefined ? {} : { quantisation: quantisation.slice(1) }),
  };
}

/** @throws InvalidOptionError when it is no id */
export function requireModelId(text: unknown): ModelId {
  const id = typeof text === "string" ? parseModelId(text) : undefined;
  if (id) return id;
  const given = typeof text === "string" ? quoteName(text) : String(text);
  throw new InvalidOptionError(
    "id",
    `must be a model on the Hub, as Qwen/Qwen2-0.5B-Instruct, Qwen/Qwen2-0.5B-Instruct@REVISION or OWNER/NAME:Q4_K_M, not ${given}`,
  );
}

/** The id as it is written. */
export function formatModelId({ repository, revision, file, quantisation }: ModelId): string {
  const part = file !== undefined ? `/${file}` : quantisation !== undefined ? `:${quantisation}` : "";
  return `${repository}${part}${revision === "main" ? "" : `@${revision}`}`;
}

/** The Hub's own rules: `--` separates owner and name in the cache, and names are parts of paths. */
export function isRepository(text: string): boolean {
  const [owner = "", name = "", ...rest] = text.split("/");
  const isName = (part: string): boolean => /^\w(?:[\w.-]{0,94}\w)?$/.test(part) && !/--|\.\./.test(part);
  return rest.length === 0 && isName(owner) && isName(name) && !name.endsWith(".git");
}

/** What Git takes as a name of a branch or tag, and what can be a path below `refs`. */
function isRevision(text: string): boolean {
  return (
    text.length <= 255 &&
    /^[\w][\w./+=#-]*$/.test(text) &&
    text.split("/").every((part) => part !== "" && !part.startsWith(".") && !part.includes(".."))
  );
}
