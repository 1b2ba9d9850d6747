import type { AdapterWarning } from "../index.ts";
import {
  countModules,
  formatFactors,
  formatNames,
  formatRange,
  furtherWindow,
  numbersOf,
} from "./inspect-adapter-facts.ts";
import type { AdapterTexts } from "./inspect-adapter-texts.ts";
import { chinese } from "./inspect-chinese.ts";
import { formatBytes, formatFactor, safeText } from "./inspect-facts.ts";

/** Adapters, in Chinese. */
export const adapterChinese: AdapterTexts = {
  headings: { adapter: "适配器", beside: "与基础模型一起" },
  labels: {
    source: "文件",
    base: "微调自",
    type: "类型",
    rank: "秩",
    scale: "缩放系数",
    targets: "目标",
    modules: "模块",
    weights: "矩阵",
    tuning: "微调长度",
    fits: "与该模型匹配",
    nativeWindow: "原生窗口",
    extendedWindow: "扩展窗口",
    factor: "缩放因子",
    method: "方法",
    command: "查看方法",
  },
  origin: "适配器（PEFT），未读取矩阵",
  base: ({ baseModel }) => (baseModel === null ? "配置中没有说明" : `${safeText(baseModel)}（据其配置）`),
  rank: (adapter) => formatRange(numbersOf(adapter, "ranks")),
  scale: (adapter) => {
    const { alpha = 8, isRankStabilised, rank = 1, scale } = adapter.rule ?? {};
    const scales = numbersOf(adapter, "scales");
    const how = isRankStabilised ? `alpha ${alpha} / √${rank}（rsLoRA）` : `alpha ${alpha} / ${rank}`;
    return `${formatRange(scales)}：${how}${scales.some((own) => own !== scale) ? "，部分模块另有规定" : ""}`;
  },
  targets: ({ rule }) => {
    const { targets = [] } = rule ?? {};
    if (targets === "all-linear") return "除输出矩阵外的所有矩阵（all-linear）";
    return typeof targets === "string"
      ? `全名匹配 ${safeText(targets)} 的模块`
      : `名称以下列结尾的模块：${formatNames(targets, "、")}`;
  },
  modules: (adapter) => {
    const { count, names, layers } = countModules(adapter);
    if (count === 0) return "无";
    return `${count} 个：${layers === undefined ? "" : `第 ${layers} 层的 `}${formatNames(names, "、")}`;
  },
  weights: ({ weights }) =>
    weights
      ? `${formatNames(Object.keys(weights.types), "、")}，${formatBytes(weights.bytes)}，参数量 ${chinese.parameters(weights.parameters)}`
      : chinese.none,
  tuning: ({ tuning: { window, factor } }) => {
    if (window === null && factor === null) return "没有说明；其序列使用基础模型的窗口";
    const length = window === null ? "缩放因子 × 基础模型的原始窗口" : `${window} 个 token`;
    return `${length}，${factor === null || factor === 1 ? "不带 YaRN" : `YaRN 缩放因子 ${formatFactor(factor)}`}`;
  },
  unknown: "矩阵是否匹配、序列的窗口与缩放因子，都取决于与它一起使用的模型，而此处没有给出模型。",
  fits: ({ fits, ...adapter }) => (fits ? `是，全部 ${countModules(adapter).count} 个模块` : "否，无法加载：见下"),
  nativeWindow: ({ context }) => {
    const { nativeWindow = 0, adapter } = context ?? {};
    return `${nativeWindow} 个 token，${adapter === undefined ? "即模型的窗口" : "适配器自己的窗口"}`;
  },
  extendedWindow: (plan) => {
    const { nativeWindow = 0, extendedWindow = 0 } = plan.context ?? {};
    const further = furtherWindow(plan);
    const now = extendedWindow > nativeWindow ? `${extendedWindow} 个 token` : "无";
    return further ? `${now}；启用 YaRN 后可达 ${further.extendedWindow} 个 token` : now;
  },
  factor: (plan) => {
    const { context } = plan;
    if (context === null) return chinese.none;
    const further = furtherWindow(plan);
    const least = context.minimumFactor > 1 ? "，任何长度都是如此" : "";
    return `${formatFactors(context)}${least}${further ? `；启用 YaRN 后为 ${formatFactors(further)}` : ""}`;
  },
  method: ({ context }) => {
    switch (context?.method) {
      case "none":
        return "普通位置，不缩放";
      case "trained":
        return `${context.declared}，模型训练时即如此`;
      default:
        return `${context?.method}，${context?.schedule === "static" ? "静态" : "动态"}`;
    }
  },
  finding: (warning) => findings[warning.code](warning.values, warning),
};

type Finding = (values: AdapterWarning["values"], warning: AdapterWarning) => ReturnType<AdapterTexts["finding"]>;

/** Names of fields and tensors stay as they are, and so does the message of the loader where it is a list of them. */
const findings: Readonly<Record<AdapterWarning["code"], Finding>> = {
  adapter_not_supported: ({ field, value }, { message }) => ({
    message:
      field === undefined
        ? `适配器无法加载：${message}`
        : `适配器无法加载，不支持 ${field}（${value}）：${unsupported[String(field)] ?? "只支持普通的 LoRA"}`,
    fix: "训练时不使用它，或用 PEFT（merge_and_unload）合并到基础模型后使用合并的模型",
  }),
  adapter_pattern_not_supported: (_, { message }) => ({
    message: `配置中有无法识别的模式，适配器无法加载：${message}`,
    fix: "改写该模式，或改为列出模块名称",
  }),
  adapter_weights_are_not_read: (_, { message }) => ({
    message: `矩阵无法读取，适配器无法加载：${message}`,
    fix: "用 PEFT 的 save_pretrained 重新保存适配器",
  }),
  adapter_weights_do_not_fit: (_, { message }) => ({
    message: `矩阵与 adapter_config.json 不符，适配器无法加载：${message}`,
    fix: "使用与这些矩阵一同保存的 adapter_config.json",
  }),
  adapter_does_not_fit_base: (_, { message }) => ({
    message: `适配器与该模型不匹配，无法加载：${message}`,
    fix: "给出微调时所用的模型",
  }),
  adapter_factor_not_possible: (_, { message }) => ({
    message: `适配器的缩放因子不能用于该模型，无法加载：${message}`,
    fix: "给出与微调时相同的基础模型；若缩放因子有误，则将其删除",
  }),
  adapter_window_beyond_factor: ({ window, factor, originalWindow, needed }) => ({
    message: `缩放因子 ${factor} 把基础模型的窗口（${originalWindow} 个 token）扩展到 ${Math.floor(Number(originalWindow) * Number(factor))}，小于适配器所说的微调长度 ${window}；两者都照此执行`,
    fix: `在适配器的 skein.json 或 --adapter 中改正其中之一：factor=${needed} 可达 ${window}`,
  }),
  adapter_window_without_factor: ({ window, nativeWindow, needed }) => ({
    message: `适配器称在 ${window} 个 token 的长度上微调，而基础模型的原生窗口为 ${nativeWindow}；${window} 以内的位置都不缩放`,
    fix: `若微调时使用了 YaRN，在适配器的 skein.json 中写入 "factor": ${needed}，或给 --adapter 加上 ,factor=${needed}；否则保持不变`,
  }),
  adapter_window_shorter: ({ window, nativeWindow }) => ({
    message: `适配器称在 ${window} 个 token 的长度上微调，小于基础模型的原生窗口 ${nativeWindow}；除非扩展，其序列止于此`,
    fix: `保持不变；或从适配器的 skein.json 或 --adapter 中删除 window，使其序列可用基础模型的 ${nativeWindow} 个 token`,
  }),
};

/** Why a field of `adapter_config.json` is refused, where there is more to say than that only plain LoRA is supported. */
const unsupported: Readonly<Record<string, string>> = {
  peft_type: "只支持 LORA",
  modules_to_save: "其中的整个模块会取代基础模型的模块",
  use_dora: "DoRA 还会缩放基础模型的权重，只支持普通的 LoRA",
  bias: "不支持改动偏置的适配器，训练时请用 bias none",
  lora_bias: "不支持带偏置的适配器",
  task_type: "只支持续写文本的 CAUSAL_LM",
  init_lora_weights:
    "这种初始化从基础模型的权重中取走了一部分；请转换后保存（path_initial_model_for_weight_conversion）",
  alora_invocation_tokens: "不支持从文本中某个 token 开始生效的适配器",
  arrow_config: "不支持逐 token 混合的适配器",
  layer_replication: "不支持重复层的基础模型",
  target_parameters: "只支持 target_modules",
  trainable_token_indices: "不支持新的 token 嵌入",
  megatron_config: "只支持 Hugging Face 模型的适配器",
};
