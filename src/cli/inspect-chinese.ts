import type { InspectionWarning, ModelInspection } from "../index.ts";
import { findingsInChinese } from "./inspect-chinese-findings.ts";
import {
  enablingCommand,
  enablingOption,
  extensionState,
  formatBytes,
  formatEndTokens,
  formatFactor,
  formatScaling,
  suggestedWindow,
} from "./inspect-facts.ts";
import { type InspectTexts, sayOfEach } from "./inspect-texts.ts";

/** The report in Chinese. */
export const chinese: InspectTexts = {
  headings: {
    model: "模型",
    context: "上下文窗口",
    encoding: "旋转位置编码（RoPE）",
    yarn: "YaRN",
    cache: "KV 缓存",
    generation: "生成",
    findings: "问题与提示",
    differences: "不同之处",
    same: "相同之处",
    meaning: "实际含义",
  },
  labels: {
    family: "模型系列",
    parameters: "参数量",
    layers: "层数",
    vocabulary: "词表",
    weights: "权重",
    nativeWindow: "原生窗口",
    originalWindow: "原始窗口",
    extendedWindow: "扩展窗口",
    slidingWindow: "滑动窗口",
    method: "方法",
    theta: "theta",
    headDimension: "注意力头维度",
    attentionScaling: "注意力缩放",
    wavelengths: "波长",
    schedule: "调度",
    factor: "缩放因子",
    window: "窗口",
    tokens: "token 数",
    endTokens: "结束 token",
    sampling: "采样",
    chatTemplate: "对话模板",
    kept: "保留",
    blended: "过渡",
    interpolated: "插值",
    enableInProgram: "程序中",
    enableByCommand: "命令行",
  },
  fields: {
    "context.nativeWindow": "原生窗口",
    "context.extendedWindow": "无需设置即可用",
    "yarn.needed": "更长则须启用",
    "encoding.method": "RoPE 方法",
    "encoding.theta": "RoPE theta",
    "encoding.headDim": "注意力头维度",
    "encoding.factor": "无设置时的缩放因子",
    "encoding.attentionScaling": "此时的注意力缩放",
    endTokens: "结束 token",
    "sampling.temperature": "temperature",
    "sampling.topK": "top-k",
    "sampling.topP": "top-p",
    "sampling.minP": "min-p",
    "sampling.repetitionPenalty": "重复惩罚",
    chatTemplate: "对话模板",
    tokenizerMaxLength: "model_max_length",
    "cache.bytesPerToken.f16": "每 token 缓存（f16）",
    "weights.types": "权重",
    family: "模型系列",
    parameters: "参数量",
  },
  origin: ({ origin }) => (origin === "published" ? "内置的官方配置，未读取任何文件" : "来自模型文件，未读取权重"),
  tokens: (count) => `${count} 个 token`,
  parameters: (count) => (count >= 1e8 ? `${(count / 1e8).toFixed(1)} 亿` : `${(count / 1e4).toFixed(1)} 万`),
  layers: ({ config }) =>
    `${config.num_hidden_layers}，隐藏维度 ${config.hidden_size}，注意力头 ${config.num_attention_heads} 个，键值头 ${config.num_key_value_heads} 个`,
  vocabulary: ({ config }) => `${config.vocab_size} 个 token`,
  weights: ({ weights, origin }) =>
    weights
      ? `${Object.keys(weights.types).join("、")}，${formatBytes(weights.bytes)}，${weights.files} 个文件`
      : origin === "published"
        ? "未内置"
        : "没有 safetensors 文件",
  method: ({ encoding, context }) => {
    if (encoding.method === "default") return "default：普通旋转，不缩放";
    return `${encoding.method}（配置中声明），缩放因子 ${formatFactor(context.maximumFactor)}`;
  },
  headDimension: ({ encoding }) => `${encoding.headDim}，即 ${encoding.pairs} 对`,
  extendedWindow: (inspection) => {
    const { context } = inspection;
    switch (extensionState(inspection)) {
      case "not-needed":
        return "不需要";
      case "available":
        return `启用 YaRN 后可达 ${suggestedWindow(inspection)} 个 token`;
      case "declared":
        return `${context.extendedWindow} 个 token，配置已声明 YaRN`;
      case "trained":
        return `${context.extendedWindow} 个 token`;
      case "impossible":
        return "无";
    }
  },
  wavelengths: (range, isScaled) => `每转一圈 ${range} 个 token${isScaled ? "，未计缩放" : ""}`,
  sampling: ({ sampling }) => {
    const { temperature, topK, topP, minP, repetitionPenalty } = sampling;
    const parts = [
      temperature === 0 ? "贪心解码（取概率最大的 token）" : `temperature ${temperature}`,
      ...(temperature > 0 && topK > 0 ? [`top-k ${topK}`] : []),
      ...(temperature > 0 && topP < 1 ? [`top-p ${topP}`] : []),
      ...(temperature > 0 && minP > 0 ? [`min-p ${minP}`] : []),
      ...(repetitionPenalty === 1 ? [] : [`重复惩罚 ${repetitionPenalty}`]),
    ];
    return parts.join("，");
  },
  chatTemplate: ({ chatTemplate, origin }) =>
    ({
      own: "模型自带",
      qwen2: "模型未带，使用 Qwen2 的模板",
      none: "无；请用 prompt，不要用 messages",
      unknown: origin === "published" ? "未内置，以模型文件为准" : "未知",
    })[chatTemplate],
  yes: "是",
  no: "否",
  none: "无",
  nothing: "无需启用",
  cacheWindow: { native: "在原生窗口内", extended: "在扩展窗口内", none: "超出该模型的任何窗口" },

  contextSummary: (inspection) => {
    const { nativeWindow, extendedWindow, declared, maximumFactor } = inspection.context;
    switch (extensionState(inspection)) {
      case "not-needed":
        return `无需任何设置，${nativeWindow} 个 token 全部可用。`;
      case "available":
        return `无需任何设置即可使用 ${nativeWindow} 个 token。启用扩展之前，第 ${nativeWindow + 1} 个 token 会以 ContextLengthError 拒绝，绝不悄悄截断或回绕。`;
      case "declared":
        return `配置已启用 YaRN，无需任何设置即可使用 ${extendedWindow} 个 token。${nativeWindow} 个 token 以内的请求与不启用 YaRN 时的计算相同；\`context: { extend: "none" }\` 可将其关闭。`;
      case "trained":
        return `无需任何设置即可使用 ${extendedWindow} 个 token。${declared} 缩放（缩放因子 ${formatFactor(maximumFactor)}）是模型训练的一部分，保持不变。`;
      case "impossible":
        return `无需任何设置即可使用 ${nativeWindow} 个 token；这种位置编码无法再扩展。`;
    }
  },
  yarnSummary: (inspection) => {
    const { context, encoding, yarn } = inspection;
    if (yarn === null) return `YaRN 无法叠加在 ${encoding.method} 缩放（theta ${encoding.theta}）之上。`;
    if (context.method === "trained" && !yarn.declared) {
      return `可以用 YaRN 代替模型自身的 ${encoding.method} 缩放，但模型并非为此而设计。`;
    }
    if (context.method === "trained") return "YaRN 是模型训练的一部分。";
    if (yarn.declared) return "配置已启用 YaRN，无需任何设置。其他引擎在任何长度都会应用它：`--for` 会说明其代价。";
    if (!yarn.needed) {
      return `不需要扩展：原生窗口为 ${context.nativeWindow} 个 token，已经达到 YaRN 在这些模型上得到验证的长度。若仍要启用，效果如下：`;
    }
    return "未启用。启用后的效果：";
  },
  schedule: ({ yarn }) => {
    if (yarn?.schedule === "static") return "静态：所有请求都按最大的缩放因子缩放，短请求也不例外";
    const steps =
      yarn?.steps === "continuous"
        ? "缩放因子"
        : `缩放因子（从 ${(yarn?.steps ?? []).map(formatFactor).join("、")} 中选取）`;
    return `动态：每个请求只取其长度所需的最小${steps}；在原生窗口以内的请求，计算结果与不启用 YaRN 时逐位相同`;
  },
  pictureCaption: ({ encoding }, factor) =>
    `缩放因子为 ${factor} 时，每个注意力头的 ${encoding.pairs} 对维度各自放慢的程度`,
  windowMarker: (window) => `原始窗口，${window} 个 token`,
  axisCaption: "波长：一对维度转一圈所经过的 token 数",
  pairEffects: (factor) => ({
    kept: "与训练时相同",
    blended: "介于两者之间",
    interpolated: `转速降为 1/${factor}`,
  }),
  weightsNotBuiltIn: "权重并未内置：首次按名称使用模型时会从 Hub 下载，与 skein pull 相同。",

  noFindings: "未发现问题",
  fix: "修正：",
  finding: translateFinding,

  noDifferences: "就运行而言，两者没有区别。",
  meaning: describeMeaning,
};

const subject = { both: "两个模型", colon: "：", gap: "" };

function translateFinding(warning: InspectionWarning): { readonly message: string; readonly fix: string } {
  return findingsInChinese[warning.code](warning.values, warning);
}

function describeMeaning(a: ModelInspection, b: ModelInspection): readonly string[] {
  const pair = [a, b] as const;
  const each = (say: (inspection: ModelInspection) => string) => sayOfEach(pair, subject, say);
  const texts = [
    `窗口。${each(describeWindow)}`,
    `缩放。${each(describeScaling)}`,
    `如何启用。${each(describeEnabling)}${pair.some(needsFolder) ? chinese.weightsNotBuiltIn : ""}`,
    `结束 token。${each(describeEnd)}${describeTurns(a, b)}`,
    `内存。${each(describeCache)}只有请求实际用到的 token 才占内存，启用更大的窗口本身不占内存。`,
  ];
  if (chinese.sampling(a) !== chinese.sampling(b)) texts.push(`采样。${each((i) => `${chinese.sampling(i)}。`)}`);
  if (a.parameters !== b.parameters) texts.push(`规模。${each((i) => `参数量 ${chinese.parameters(i.parameters)}。`)}`);
  return texts;
}

function describeWindow(inspection: ModelInspection): string {
  const { nativeWindow, extendedWindow } = inspection.context;
  if (extensionState(inspection) === "available") {
    return `无需任何设置可用 ${nativeWindow} 个 token；第 ${nativeWindow + 1} 个 token 会以 ContextLengthError 拒绝，绝不悄悄截断。`;
  }
  if (extendedWindow > nativeWindow) {
    return `无需任何设置可用 ${extendedWindow} 个 token，其中原生窗口为 ${nativeWindow} 个。`;
  }
  return `无需任何设置可用 ${nativeWindow} 个 token，全部在原生窗口内。`;
}

function describeScaling(inspection: ModelInspection): string {
  const { context, encoding, yarn } = inspection;
  const rope = `旋转位置编码（RoPE），theta 为 ${encoding.theta}`;
  const reach = (yarn?.factors ?? [])
    .map(
      (step) =>
        `缩放因子 ${formatFactor(step.factor)} 可达 ${step.extendedWindow} 个 token（注意力缩放 ${formatScaling(step.attentionScaling)}）`,
    )
    .join("，");
  const schedule = yarn?.schedule === "static" ? "静态" : "动态";
  const inside = `调度为${schedule}：${context.nativeWindow} 个 token 以内的请求，计算结果与不启用 YaRN 时逐位相同。`;
  switch (extensionState(inspection)) {
    case "not-needed":
      return `${rope}，直到窗口末尾都不缩放（缩放因子 1，注意力缩放 1），不需要扩展。`;
    case "available":
      return `${rope}，${context.nativeWindow} 个 token 以内不缩放；超出后由 YaRN 扩展：${reach}。${inside}`;
    case "declared":
      return `${rope}，且配置已启用 YaRN：${reach}。${inside}`;
    case "trained":
      return `${rope}，并带有训练时就有的 ${encoding.method} 缩放（缩放因子 ${formatFactor(context.maximumFactor)}，注意力缩放 ${formatScaling(encoding.attentionScaling)}），始终生效。`;
    case "impossible":
      return `${rope}，方法为 ${encoding.method}，无法再扩展。`;
  }
}

function describeEnabling(inspection: ModelInspection): string {
  const { nativeWindow, extendedWindow } = inspection.context;
  switch (extensionState(inspection)) {
    case "available":
      return `第 ${nativeWindow + 1} 至 ${suggestedWindow(inspection)} 个 token 须启用 YaRN：程序中用 \`${enablingOption(inspection)}\`，命令行用 \`${enablingCommand(inspection)}\`。`;
    case "not-needed":
    case "declared":
    case "trained":
      return `无需启用任何选项，${extendedWindow} 个 token 全部可用。`;
    case "impossible":
      return `无法扩展，最多 ${nativeWindow} 个 token。`;
  }
}

function needsFolder(inspection: ModelInspection): boolean {
  return inspection.origin === "published" && extensionState(inspection) === "available";
}

function describeEnd(inspection: ModelInspection): string {
  if (inspection.endTokens.length === 0) return "没有结束 token，回答只会止于 maxTokens 或停止文本。";
  return `回答止于 ${formatEndTokens(inspection, " 或 ")}。`;
}

/** What the end of a chat turn means where only one of the two stops there. */
function describeTurns(a: ModelInspection, b: ModelInspection): string {
  const ofTurn = (i: ModelInspection) => i.endTokens.find(({ text }) => text === "<|im_end|>");
  const [stops, runsOn] = ofTurn(a) ? [a, b] : [b, a];
  const token = ofTurn(stops);
  if (token === undefined || runsOn.endTokens.some(({ id }) => id === token.id)) return "";
  return `${token.id} 表示一轮对话结束：${stops.name} 回答 messages 后在此停止；${runsOn.name} 是续写模型，用于对话时会越过一轮的结尾继续写下去，除非请求在 \`endTokens\` 中指明该 token。`;
}

function describeCache({ cache }: ModelInspection): string {
  const { q8, f16, f32 } = cache.bytesPerToken;
  const totals = [32768, 131072].map((tokens) => `${tokens} 个 token 占 ${formatBytes(f16 * tokens)}`).join("，");
  return `f16 缓存每个 token 占 ${formatBytes(f16)}（f32 为 ${formatBytes(f32)}，q8 为 ${formatBytes(q8)}），${totals}。`;
}
