import { InvalidConfigError, SkeinError } from "../errors.ts";
import { QWEN2_CHAT_TEMPLATE } from "./qwen2-template.ts";
import type { Tokenizer } from "./tokenizer.ts";
import { readTokenizerConfig, tokenContent } from "./tokenizer-files.ts";

/**
 * The chat template of a checkpoint: its `chat_template.jinja`, else the `chat_template` of its `tokenizer_config.json`
 * (one, or a list of named ones: `tool_use` when there are tools, otherwise `default`), else Qwen2's, provided that the
 * vocabulary has its control tokens.
 *
 * @param tokenizerConfig - the parsed `tokenizer_config.json`; undefined when there is none
 * @param chatTemplateJinja - the text of `chat_template.jinja`, when there is one
 * @param options.tools - whether the conversation has tools
 * @throws SkeinError `no_chat_template` when the model has none and Qwen2's does not fit.
 * @throws InvalidConfigError when `chat_template` is neither text nor a list of named texts.
 */
export function selectChatTemplate(
  tokenizer: Pick<Tokenizer, "controlTokens">,
  tokenizerConfig: unknown,
  chatTemplateJinja?: string | undefined,
  options: { readonly tools?: boolean | undefined } = {},
): string {
  if (chatTemplateJinja !== undefined) return chatTemplateJinja;
  const declared = readTokenizerConfig(tokenizerConfig).chat_template ?? undefined;
  if (declared !== undefined) return typeof declared === "string" ? declared : selectNamed(declared, options);
  if (["<|im_start|>", "<|im_end|>"].every((content) => tokenizer.controlTokens.has(content))) {
    return QWEN2_CHAT_TEMPLATE;
  }
  throw new SkeinError(
    "no_chat_template",
    "messages: this model has no chat template, and its vocabulary lacks <|im_start|> and <|im_end|>, which Qwen2's needs; pass the text as prompt",
  );
}

/**
 * The special tokens that `tokenizer_config.json` names, which templates know as variables.
 *
 * @example
 * specialTokenStrings({ eos_token: "<|im_end|>", bos_token: null }); // { eos_token: "<|im_end|>" }
 */
export function specialTokenStrings(tokenizerConfig: unknown): Record<string, string | readonly string[]> {
  const config = readTokenizerConfig(tokenizerConfig);
  const strings: Record<string, string | readonly string[]> = {};
  for (const name of ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"]) {
    const content = tokenContent(config[name]);
    if (content !== undefined) strings[name] = content;
  }
  const additional = config.additional_special_tokens;
  if (Array.isArray(additional) && additional.length > 0) {
    strings.additional_special_tokens = additional.map(tokenContent).filter((content) => content !== undefined);
  }
  return strings;
}

function selectNamed(declared: unknown, options: { readonly tools?: boolean | undefined }): string {
  const field = "tokenizer_config.json chat_template";
  if (!Array.isArray(declared)) throw new InvalidConfigError(field, "must be a text or a list of { name, template }");
  const templates = new Map<string, string>();
  for (const [index, entry] of declared.entries()) {
    const { name, template } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    if (typeof name !== "string" || typeof template !== "string") {
      throw new InvalidConfigError(`${field}[${index}]`, "must be an object with the texts name and template");
    }
    templates.set(name, template);
  }
  const selected = (options.tools === true ? templates.get("tool_use") : undefined) ?? templates.get("default");
  if (selected === undefined) {
    throw new InvalidConfigError(field, `has no template named default, only ${[...templates.keys()].join(", ")}`);
  }
  return selected;
}
