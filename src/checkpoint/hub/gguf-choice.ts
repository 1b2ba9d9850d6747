import { quoteName } from "../errors.ts";
import { HubError } from "./errors.ts";
import { formatModelId, type ModelId } from "./model-id.ts";

/** One model of a repository of GGUF files: a file, or all parts of one that was split. */
export interface GgufChoice {
  /** The file to open: the only one, or the first part. */
  readonly first: string;
  readonly files: readonly string[];
  /** `Q4_K_M`, from the name; undefined where it does not end with one. */
  readonly quantisation: string | undefined;
}

const split = /^(.*)-(\d{5})-of-(\d{5})\.gguf$/i;
/** Files that belong to models and are none. */
const companion = /(?:^|[/._-])(?:mmproj|imatrix)(?:[._-]|$)/i;
const quantised = /(?:^|[-._/])((?:UD-)?(?:IQ\d\w*|Q\d\w*|TQ\d\w*|MXFP4\w*|BF16|F16|FP16|F32|FP32))$/i;
/** The most that a message lists. */
const mostShown = 30;

/** The models among a repository's files, in the order of their names. */
export function ggufChoices(names: readonly string[]): GgufChoice[] {
  const found = new Map<string, string[]>();
  for (const name of [...names].sort()) {
    if (!/\.gguf$/i.test(name) || companion.test(name)) continue;
    const [, stem, , count] = split.exec(name) ?? [];
    const key = stem === undefined ? name : `${stem}-of-${count}`;
    found.set(key, [...(found.get(key) ?? []), name]);
  }
  return [...found.values()].map((files) => {
    const first = files[0]!;
    const stem = (split.exec(first)?.[1] ?? first).replace(/\.gguf$/i, "");
    return { first, files, quantisation: quantised.exec(stem)?.[1] };
  });
}

/**
 * The model that an id means.
 *
 * @param names - of all files there are
 * @param where - what they are in, for messages
 * @throws HubError `not_found` when there is none such, or several and the id does not say which
 */
export function chooseGguf(id: ModelId, names: readonly string[], where: string): GgufChoice {
  const choices = ggufChoices(names);
  const meant = choices.filter(({ files, quantisation }) => {
    if (id.file !== undefined) return files.includes(id.file);
    return id.quantisation === undefined || quantisation?.toLowerCase() === id.quantisation.toLowerCase();
  });
  if (meant.length === 1) return whole(meant[0]!, where);
  if (choices.length === 0) throw new HubError("not_found", `${where} has no GGUF files`);
  const what = id.file ?? id.quantisation;
  const problem =
    meant.length > 1
      ? `${where} has ${meant.length} GGUF models${what === undefined ? "" : ` of ${quoteName(what)}`}`
      : `${where} has no GGUF model ${quoteName(what ?? "")}`;
  const listed = (meant.length > 1 ? meant : choices).map((choice) => nameOf(id, choice, choices));
  const shown = listed.slice(0, mostShown).join(", ") + (listed.length > mostShown ? ", …" : "");
  throw new HubError("not_found", `${problem}; choose one of: ${shown}`);
}

/** The shortest id that means this choice and no other. */
function nameOf({ repository, revision }: ModelId, choice: GgufChoice, choices: readonly GgufChoice[]): string {
  const { quantisation, first } = choice;
  const same = choices.filter((other) => other.quantisation?.toLowerCase() === quantisation?.toLowerCase());
  const part = quantisation !== undefined && same.length === 1 ? { quantisation } : { file: first };
  return formatModelId({ repository, revision, ...part });
}

function whole(choice: GgufChoice, where: string): GgufChoice {
  const count = Number(split.exec(choice.first)?.[3] ?? 1);
  if (choice.files.length === count) return choice;
  throw new HubError(
    "not_found",
    `${where} has ${choice.files.length} of ${count} parts of ${quoteName(choice.first)}`,
  );
}
