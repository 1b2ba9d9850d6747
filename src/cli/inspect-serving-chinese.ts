import type { ServingNote, ServingNoteCode } from "../index.ts";
import { formatBytes, formatFactor } from "./inspect-facts.ts";
import type { ServingTexts } from "./inspect-serving-texts.ts";

/** Settings for another engine, in Chinese. */
export const servingChinese: ServingTexts = {
  headings: { settings: "设置", notes: "说明" },
  labels: { window: "窗口", scaling: "缩放", cache: "KV 缓存", reckoning: "即", smaller: "减小方法" },
  title: ({ engine, context }) => `用于 ${engine}，最多 ${context} 个 token`,
  window: ({ window }) => (window === "native" ? "原生" : "扩展"),
  scaling: ({ scaling }) => {
    if (scaling === null) return "无";
    const { method, factor, originalWindow, origin, isStatic } = scaling;
    const how = `${origin === "trained" ? "模型自带" : "静态"}：${isStatic ? "任何长度都一样" : "随序列长度而变"}`;
    return `${method}，${formatFactor(factor)} × ${originalWindow} 个 token，${how}`;
  },
  purpose: ({ purpose, version }) =>
    version?.replace("and newer", "及更新").replace(/^(\S+) before (.*)$/, "$1 $2 之前") ??
    {
      download: "下载",
      convert: "转换（旁边须有 llama.cpp 的克隆）",
      metadata: "复制并改写元数据",
      serve: "运行",
      older: "更早的版本",
    }[purpose],
  cache: ({ cache, context }) =>
    `${context} 个 token 以 ${cache.type} 占 ${formatBytes(cache.bytes)}，${cache.taken === "start" ? "启动时即占用" : "随 token 增加而占用"}`,
  reckoning: ({ layers, keyValueHeads, headDim, bytesPerNumber, tokens, sliding }) =>
    `2 × ${layers} 层 × ${keyValueHeads} 个键值头 × ${headDim} × ${bytesPerNumber} 字节 × ${tokens}` +
    (sliding ? `；其中 ${sliding.layers} 层只保留 ${sliding.window} 个 token` : ""),
  note: ({ code, values }) => notes[code](values),
};

const notes: Readonly<Record<ServingNoteCode, (values: ServingNote["values"]) => string>> = {
  no_scaling_needed: ({ context, nativeWindow }) =>
    `${context} 个 token 在原生窗口（${nativeWindow}）以内：不需要缩放，也没有设置缩放。`,
  declared_scaling_is_off: ({ context, nativeWindow, engine }) =>
    `${context} 个 token 在原生窗口（${nativeWindow}）以内。模型文件声明了 yarn，${engine} 会在任何长度都应用它，因此将其关闭。`,
  scaling_is_static: ({ engine, method, factor, nativeWindow, slowedPairs, pairs, percent }) =>
    `${engine} 的缩放是静态的：缩放因子为 ${factor} 的 ${method} 对短序列同样生效。在模型无需缩放的 ${nativeWindow} 个 token 以内，每个注意力头 ${pairs} 对维度中有 ${slowedPairs} 对被放慢，注意力分数增大 ${percent} %。短输入请不带缩放运行；Skein 只缩放更长的输入。`,
  scaling_was_trained: ({ method, factor }) =>
    `模型是带着缩放因子为 ${factor} 的 ${method} 缩放训练的：它在任何长度都属于模型，且已在模型文件中。`,
  length_check_is_off: ({ engine, context, limit }) =>
    `${engine} 认为模型止于 ${limit} 个 token，而按这些设置 ${context} 个是正确的；该环境变量用来关闭这一检查。`,
  tokenizer_may_limit: ({ context }) =>
    `若 tokenizer_config.json 中的 model_max_length 更小（Qwen2 基础模型中为 32768），vLLM 会拒绝 ${context} 个 token：请调大该值，或设 VLLM_ALLOW_LONG_MAX_MODEL_LEN=1。`,
  checkpoint_needed: ({ engine }) =>
    `${engine} 需要模型的原始文件（config.json、safetensors）：请用其文件夹或 Hub 名称代替 GGUF 文件。`,
  download_first: () => "模型位于网络地址：请先下载到同名文件夹。",
  cache_is_preallocated: ({ engine }) =>
    `${engine} 启动时按固定比例占用显存作为缓存；此数值是其中一个该长度的序列所需的部分。`,
  server_caps_length: ({ limit }) =>
    `文件的 context_length 为 ${limit}，无论 -c 为多少，llama-server 都会在此截止（2026 年 8 月起的版本会在参数要求 YaRN 时自动调大）：用 --override-kv 解除。`,
  no_scaling_parameter: () =>
    "Modelfile 没有缩放参数，num_ctx 会被悄悄截到文件的 context_length：两者都必须写在 GGUF 文件的元数据中，这里用 llama.cpp 的 llama-quantize 复制文件并改写。`ollama show` 会显示实际生效的上下文长度。",
  length_is_not_enforced: ({ context }) =>
    `transformers 不会在任何长度停下：请自行保证提示与回答合计不超过 ${context} 个 token。`,
  older_versions_differ: () =>
    "4.57 之前的某些版本不读取 original_max_position_embeddings，缩放因子会以 max_position_embeddings 为基准。",
};
