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
  no_end_token: () => ({
    message: "config.json 与 generation_config.json 都没有结束 token：回答只会止于 maxTokens 或停止文本",
    fix: "在 generation_config.json 中设 eos_token_id，或在每个请求中给出 endTokens",
  }),
  generation_config_not_followed: ({ fields }) => ({
    message: `generation_config.json 要求了 Skein 不支持的内容：${fields}`,
    fix: `结果会与 transformers 不同；也可以删除 ${fields}`,
  }),
  sliding_window_limits_context: ({ sliding, factor }) => ({
    message: `各层只能看到 ${sliding} 个 token（sliding_window），而滑动窗口注意力尚不支持：超过 ${sliding} 的窗口会被拒绝`,
    fix:
      Number(factor) > 1
        ? `缩放因子不超过 ${factor}`
        : '若模型训练时未使用滑动窗口，设 "use_sliding_window": false；否则不要扩展',
  }),
  // The names of tensors stay as they are; the list of them is long and says the same in every language.
  weights_do_not_fit: (_, { message }) => ({
    message: `权重与配置不符，模型无法加载：${message}`,
    fix: "使用与这些权重一同发布的 config.json",
  }),
};
