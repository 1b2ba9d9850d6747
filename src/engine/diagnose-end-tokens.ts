import type { Diagnosis } from "../context/diagnosis.ts";
import type { ModelConfig } from "../model/config.ts";
import type { TokenizerFacts } from "./inspect-tokenizer.ts";
import type { EndToken } from "./inspection.ts";

/** Names of what is odd about the tokens that end an answer; stable across versions. */
export type EndTokenDiagnosisCode =
  | "end_tokens_disagree"
  | "tokenizer_end_token_differs"
  | "chat_template_end_token_missing"
  | "no_end_token";

/** What the diagnoses of end tokens look at. */
export interface EndTokenFacts {
  readonly config: ModelConfig;
  /** Those that are in effect. */
  readonly endTokens: readonly EndToken[];
  readonly tokenizer: Pick<TokenizerFacts, "endToken" | "turnEnds">;
}

type Found = Diagnosis<EndTokenDiagnosisCode> | undefined;

/** Where the files disagree on the tokens that end an answer: one that is missing lets the model write on past its answer. */
export function diagnoseEndTokens(facts: EndTokenFacts): readonly Diagnosis<EndTokenDiagnosisCode>[] {
  if (facts.endTokens.length === 0) return [noEndToken];
  return [diagnoseConfig(facts), diagnoseTokenizer(facts), diagnoseChatTemplate(facts)].filter(
    (diagnosis) => diagnosis !== undefined,
  );
}

const noEndToken: Diagnosis<"no_end_token"> = {
  code: "no_end_token",
  level: "warning",
  message:
    "neither config.json nor generation_config.json names an end token: an answer ends only at maxTokens or a stop text",
  fix: "set eos_token_id in generation_config.json, or give endTokens with every request",
  values: {},
};

function diagnoseConfig(facts: EndTokenFacts): Found {
  const ids = idsOf(facts);
  const missing = missingOfConfig(facts);
  if (missing.length === 0) return undefined;
  const all = [...ids, ...missing].join(", ");
  return {
    code: "end_tokens_disagree",
    level: "warning",
    message: `config.json names ${missing.join(", ")} as an end token and generation_config.json does not; its own (${ids.join(", ")}) are followed, so that an answer does not end at ${missing.join(", ")}`,
    fix: `set "eos_token_id": [${all}] in generation_config.json, or correct the one that is wrong`,
    values: { missing: missing.join(", "), ids: ids.join(", "), all },
  };
}

function diagnoseTokenizer(facts: EndTokenFacts): Found {
  const ids = idsOf(facts);
  const token = facts.tokenizer.endToken;
  if (token === null || ids.includes(token)) return undefined;
  const all = [...ids, token].join(", ");
  return {
    code: "tokenizer_end_token_differs",
    level: "warning",
    message: `the eos_token of tokenizer_config.json is token ${token}, which is none of the end tokens (${ids.join(", ")}): an answer does not end there`,
    fix: `set "eos_token_id": [${all}] in generation_config.json if the model ends its answers with it, else correct eos_token`,
    values: { token, ids: ids.join(", "), all },
  };
}

/** `<|endoftext|>` of Qwen2 and later: a model that ends there alone, in all its files, is a base model, or one tuned with the files of a base model. */
const endOfText = 151643;

function diagnoseChatTemplate(facts: EndTokenFacts): Found {
  const ids = idsOf(facts);
  const { turnEnds, endToken } = facts.tokenizer;
  const token = turnEnds[0];
  if (token === undefined || turnEnds.some(({ id }) => ids.includes(id))) return undefined;
  // Said already: another file names the token.
  if (turnEnds.some(({ id }) => id === endToken || missingOfConfig(facts).includes(id))) return undefined;
  const isBase = ids.every((id) => id === endOfText);
  const all = [token.id, ...ids].join(", ");
  const values = { token: token.id, text: token.text ?? "", ids: ids.join(", "), all, isBase };
  return {
    code: "chat_template_end_token_missing",
    level: isBase ? "note" : "warning",
    message:
      `the chat template ends a turn with ${token.text ?? "token"} (${token.id}), which is none of the end tokens (${ids.join(", ")}): ` +
      `answers to messages run on past their turn${isBase ? ", as those of a base model do" : ""}`,
    fix: `set "eos_token_id": [${all}] in generation_config.json if the model was tuned for chat, or give endTokens: [${token.id}] with messages`,
    values,
  };
}

function idsOf({ endTokens }: EndTokenFacts): readonly number[] {
  return endTokens.map(({ id }) => id);
}

/** The end tokens of `config.json` that are not in effect. */
function missingOfConfig(facts: EndTokenFacts): readonly number[] {
  const ids = idsOf(facts);
  return [facts.config.eos_token_id ?? []].flat().filter((id) => !ids.includes(id));
}
