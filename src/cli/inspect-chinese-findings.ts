import type { InspectionWarning } from "../index.ts";

type Values = InspectionWarning["values"];
type Translate = (values: Values, warning: InspectionWarning) => { readonly message: string; readonly fix: string };

/** The mistakes that an inspection finds, in Chinese; the numbers and names are those of the English texts. */
export const findingsInChinese: Readonly<Record<InspectionWarning["code"], Translate>> = {
  yarn_without_original_window: ({ block, window, factor, extended, divided, plausible }) => {
    const taken = `yarn 配置块缺少 original_max_position_embeddings，因此把 max_position_embeddings（${window}）当作原生窗口，扩展窗口则为 ${extended}`;
    if (plausible) {
      return {
        message: taken,
        fix: `在 ${block} 中加入 "original_max_position_embeddings": ${window}，否则其他引擎会拒绝或忽略该配置块`,
      };
    }
    return {
      message: `${taken}。${window} 很可能已经乘过缩放因子 ${factor}`,
      fix: `若已乘过，设置选项 nativeWindow: ${divided}，或在 ${block} 中加入 "original_max_position_embeddings": ${divided}；若没有乘过，则加入 "original_max_position_embeddings": ${window}`,
    };
  },
  yarn_factor_does_not_fit: ({ block, window, factor, originalWindow, product, ratio }) => {
    const fixedWindow = `若缩放因子正确，则改为 "max_position_embeddings": ${product}`;
    return {
      message: `yarn 缩放因子 ${factor} 把 original_max_position_embeddings（${originalWindow}）扩展到 ${product}，而 max_position_embeddings 是 ${window}；以缩放因子为准`,
      fix:
        Number(ratio) > 1 ? `若 ${window} 正确，则在 ${block} 中改为 "factor": ${ratio}；${fixedWindow}` : fixedWindow,
    };
  },
  yarn_was_not_meant: ({ block, originalWindow, window, model }) => ({
    message: `${block} 声明从 ${originalWindow} 个 token 起使用 yarn，但${unmeantModels(window)[String(model)]}`,
    fix: `删除 ${block} 中的 yarn 配置块${model === "llama3" ? "，并恢复模型发布时的 llama3 配置块" : ""}`,
  }),
  attn_factor_is_not_read: ({ block }) => ({
    message: "与参考实现一样，attn_factor 不会被读取，正确的键是 attention_factor。该配置块按声明静态生效",
    fix: `若模型是带着它训练的，在 ${block} 中改名为 attention_factor，否则删除`,
  }),
  type_and_rope_type_disagree: ({ block, method }) => ({
    message: `${block} 中 type 与 rope_type 的方法不一致；以 rope_type（${method}）为准`,
    fix: `若 ${method} 正确，从 ${block} 中删除 type，否则改正 rope_type`,
  }),
  rope_blocks_disagree: ({ method }) => ({
    message: `rope_scaling 与 rope_parameters 内容不一致；与参考实现一样，以 rope_scaling（${method}）为准`,
    fix: "删除其中错误的一个；transformers 5 使用 rope_parameters，更早的版本使用 rope_scaling",
  }),
  original_windows_disagree: ({ block, originalWindow }) => ({
    message: `original_max_position_embeddings 在 ${block} 内外的值不同；以外面的值（${originalWindow}）为准`,
    fix: `从 config.json 或 ${block} 中删除错误的那个 original_max_position_embeddings`,
  }),
  trained_scaling_stays: ({ method }) => ({
    message: `${method} 缩放是模型训练的一部分：extend: "none" 只把窗口限制为原生窗口，缩放仍然生效`,
    fix: "去掉 extend",
  }),
  scaling_is_not_read: ({ file, path, hasBlock }) => ({
    message: `${file} 中的 ${path} 不会被读取，Skein 与其他引擎都是如此：${hasBlock ? "只有 config.json 顶层的配置块有效" : "模型按不缩放运行"}`,
    fix: hasBlock ? `从 ${file} 中删除 ${path}` : `若需要缩放，把它移到 config.json 顶层的 "rope_scaling" 中，否则删除`,
  }),
  rope_parameters_is_new: ({ lost }) => ({
    message: `${lost}：只写在 rope_parameters 中，transformers 5 会读取，而 transformers 4 及大多数基于它的引擎不会读取，只按各自的默认值运行`,
    fix: '为这些引擎在 config.json 顶层把缩放写作 "rope_scaling"，并在其旁边写上 "rope_theta"',
  }),
  static_scaling_for_short_work: ({ work, nativeWindow, factor, isAsked, isGguf, slowed, pairs, scores }) => ({
    message: `配置声明了缩放因子为 ${factor} 的 yarn，但${isAsked ? ` ${work} 个 token ` : ` tokenizer_config.json 的 model_max_length（${work}）使文本`}未超出原生窗口（${nativeWindow}）。Skein 在此范围内不缩放；transformers、vLLM、SGLang 与 llama.cpp 则在任何长度都缩放：每个注意力头 ${pairs} 对维度中有 ${slowed} 对被放慢，注意力分数增大 ${scores} %`,
    fix: `若这些引擎只处理 ${nativeWindow} 个 token 以内的输入，${isGguf ? "使用不含 rope.scaling 键的文件" : "删除 yarn 配置块"}；输入更长时再保留`,
  }),
  gguf_context_without_scaling: ({ architecture, window, nativeWindow, factor }) => ({
    message: `${architecture}.context_length 为 ${window}，但文件中没有 ${architecture}.rope.scaling 的键：除非模型在该长度上微调过，超过 ${nativeWindow} 个 token 后，微调过的 ${architecture} 模型会在未经缩放的情况下遇到从未见过的位置`,
    fix: `设 ${architecture}.rope.scaling.type 为 yarn、${architecture}.rope.scaling.factor 为 ${factor}、${architecture}.rope.scaling.original_context_length 为 32768，或使用选项 nativeWindow: ${nativeWindow}`,
  }),
  model_max_length_exceeds_window: ({ length, nativeWindow, isReachable }) => ({
    message: `tokenizer_config.json 中的 model_max_length 为 ${length}，大于原生窗口 ${nativeWindow}，${isReachable ? "只有扩展窗口才能达到" : "YaRN 也无法达到"}。Skein 不读取该值，但其他工具会把它当作窗口`,
    fix: `在 tokenizer_config.json 中设 "model_max_length": ${nativeWindow}，除非读取它的工具都会扩展窗口`,
  }),
  model_max_length_below_window: ({ length, nativeWindow }) => ({
    message: `tokenizer_config.json 中的 model_max_length 为 ${length}，而原生窗口为 ${nativeWindow}：按该值截断的工具会丢掉本可容纳的内容。Skein 不读取该值`,
    fix: `在 tokenizer_config.json 中设 "model_max_length": ${nativeWindow}`,
  }),
  end_tokens_disagree: ({ missing, ids, all }) => ({
    message: `config.json 把 ${missing} 列为结束 token，generation_config.json 却没有；以后者（${ids}）为准，因此回答不会止于 ${missing}`,
    fix: `在 generation_config.json 中设 "eos_token_id": [${all}]，或改正错误的一方`,
  }),
  tokenizer_end_token_differs: ({ token, ids, all }) => ({
    message: `tokenizer_config.json 的 eos_token 是 token ${token}，不在结束 token（${ids}）之中：回答不会在此停止`,
    fix: `若模型以它结束回答，在 generation_config.json 中设 "eos_token_id": [${all}]，否则改正 eos_token`,
  }),
  chat_template_end_token_missing: ({ token, text, ids, all, isBase }) => ({
    message: `对话模板以 ${text}（${token}）结束一轮，而它不在结束 token（${ids}）之中：回答 messages 时会越过一轮的结尾继续写下去${isBase ? "，基础模型即是如此" : ""}`,
    fix: `若模型为对话微调过，在 generation_config.json 中设 "eos_token_id": [${all}]，否则在使用 messages 时给出 endTokens: [${token}]`,
  }),
  no_end_token: () => ({
    message: "config.json 与 generation_config.json 都没有结束 token：回答只会止于 maxTokens 或停止文本",
    fix: "在 generation_config.json 中设 eos_token_id，或在每个请求中给出 endTokens",
  }),
  generation_config_not_followed: ({ fields }) => ({
    message: `generation_config.json 要求了 Skein 不支持的内容：${fields}`,
    fix: `结果会与 transformers 不同；也可以删除 ${fields}`,
  }),
  sliding_window_limits_context: ({ sliding, layers, allLayers, family }) => ({
    message: `${allLayers} 层中有 ${layers} 层只看最后 ${sliding} 个 token（sliding_window），模型就是这样训练的：无论窗口多大，更早的内容对回答的影响都较为间接`,
    fix: `保持不变；仅当模型训练时未使用滑动窗口，才设 ${family === "mistral" ? '"sliding_window": null' : '"use_sliding_window": false'}`,
  }),
  // The names of tensors stay as they are; the list of them is long and says the same in every language.
  weights_do_not_fit: (_, { message }) => ({
    message: `权重与配置不符，模型无法加载：${message}`,
    fix: "使用与这些权重一同发布的 config.json",
  }),
  weights_are_not_read: (_, { message }) => ({
    message: `权重无法读取，模型无法加载：${message}`,
    fix: "改用 safetensors 或 GGUF 格式的权重",
  }),
};

/** What a model is that yarn was put on by mistake. */
function unmeantModels(window: Values[string] | undefined): Readonly<Record<string, string>> {
  return {
    "qwen2-base": `这是基础模型（结束 token 为 151643），无需缩放即可使用 ${window} 个 token；只有 Instruct 模型才需要它`,
    "qwen2-long": "没有 Qwen2 或 Qwen2.5 模型被证实能借此超过 131072 个 token",
    "qwen3-2507": `使用该 rope_theta 的 Qwen3 模型无需缩放即可使用 ${window} 个 token`,
    llama3: "使用该 rope_theta 与窗口的 Llama 模型是带着 llama3 缩放训练的，而 yarn 取代了它",
  };
}
