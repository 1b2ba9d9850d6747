import type { SettingName } from "../evaluation/compare.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";

const settings: Readonly<Record<SettingName, string>> = {
  model: "模型不同",
  nativeWindow: "原生窗口不同",
  weights: "权重不同",
  cache: "缓存不同",
  backend: "后端不同",
  skein: "Skein 版本不同",
  text: "文本不同：问题和段落并非同一批，文本难度也不一样",
  seed: "种子不同：问题并非同一批",
  share: "问题共用文本的方式不同",
  machine: "机器不同：速度也取决于机器",
};

/** What the terminal shows, in Chinese. */
export const evaluateChinese: EvaluateTexts = {
  headings: {
    depths: "按长度和深度",
    curves: "各位置的困惑度",
    cells: "结果",
    consistency: "一致性",
    speed: "速度",
    conclusion: "使用建议",
    differences: "差别",
    onlyA: "仅在 A 中",
    onlyB: "仅在 B 中",
  },
  about: (heading, subject) => `${heading}：${subject}`,
  labels: {
    length: "token 数",
    method: "方法",
    divergence: "KL 散度",
    agreement: "一致率",
    perplexity: "困惑度",
    exact: "精确值",
    seconds: "秒 / 精确",
    prefill: "预填充 token/秒",
    decode: "解码 token/秒",
    cache: "缓存",
    accuracy: "准确率",
    difference: "B 相对 A",
    pairs: "配对数",
  },
  suites: {
    passkey: "密钥检索",
    retrieval: "检索任务",
    perplexity: "困惑度",
    consistency: "一致性",
    speed: "速度",
  },
  tasks: { "perplexity.whole": "困惑度", "perplexity.sliding": "滑动窗口困惑度", "speed.speed": "速度" },
  nativeWindow: (tokens) => `原生窗口 ${tokens}`,
  weights: (weights) => `权重 ${weights === "as in the files" ? "与文件相同" : weights}`,
  run: ({ settings: { seed, text }, seconds }, samples) =>
    `每格 ${samples} 个样本 · 种子 ${seed} · 文本 ${text.name} · ${duration(seconds)}`,
  depthCaption: (questions) =>
    `准确率（%）：向下为 token 长度，向右为答案在文本中的位置（从开头算起）；每格 ${questions} 个问题。横线是原生窗口。`,
  shades: "░ 20% 以上  ▒ 40%  ▓ 60%  █ 80%",
  curveCaption: (length) => `每段 ${length} 个 token，各从开头读起；越低越好；对数刻度。曲线重合处显示排在前面的方法。`,
  axis: "位置（token）",
  intervals: "数值旁为其 95% 区间。",
  omitted: (omitted) => {
    const parts = omitted.map(({ suite, task, length }) => `${task ?? suite}（${length}）`);
    return `未测量，因为放不下一个问题，或文本不够长：${parts.join("、")}。`;
  },
  comparisonNote: (note) =>
    note.code === "tokenizer"
      ? "分词器不同：困惑度对应的 token 不同，不作比较。"
      : `${settings[note.field]}：A 为 ${note.a || "未知"}，B 为 ${note.b || "未知"}。`,
  differs: "有差别",
  isSame: "相同",
  isUnclear: "不作结论",
  comparisonSummary: ({ compared, equal, outside, differing, expected }) =>
    [
      `共 ${compared} 项比较，其中 ${equal} 项的配对完全相等。`,
      ...(equal === compared
        ? ["没有任何差别。"]
        : [
            `其余各项中有 ${outside} 项的 95% 区间不含“无差别”；若全无差别，偶然也会有 ${expected.toFixed(1)} 项。`,
            `按项数作 Holm 校正后，${differing === 0 ? "没有一项有差别" : `${differing} 项有差别`}。`,
            "配对指双方都做过的问题或段落；未配对时，双方所用的各不相同。",
          ]),
    ].join(""),
};

function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} 秒`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} 分钟` : `${(seconds / 3600).toFixed(1)} 小时`;
}
