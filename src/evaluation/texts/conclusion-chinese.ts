import type { Measure, Standing } from "../contest.ts";
import {
  formatAmount,
  formatAmountInterval,
  formatChange,
  formatPercent,
  formatRate,
  formatRateInterval,
} from "../format-number.ts";
import { type MethodUse, nameMethod } from "../method-use.ts";
import type { Use } from "../use-advice.ts";
import { behavioursChinese, reasonsChinese } from "./behaviour-chinese.ts";
import type { ConclusionTexts } from "./conclusion-texts.ts";
import { sayReasons } from "./reason-values.ts";

const measures: Readonly<Record<Measure, string>> = {
  passkey: "密钥检索",
  retrieval: "检索任务",
  perplexity: "困惑度",
};

/** Why some methods are left when others are out. */
const reasons: Readonly<Record<Use["by"], string>> = {
  answers: "回答在每个长度都属最好之列",
  perplexity: "困惑度不逊于任何其他方法",
  both: "回答在每个长度都属最好之列，且困惑度不逊于其中其他方法",
};

export const conclusionChinese: ConclusionTexts = {
  uses: (uses, nativeWindow) => {
    const [{ isTold, best, by }] = uses as [Use];
    const works = uses.map((use) => describeWork(use, nativeWindow)).join("、");
    if (!isTold) return `${works}：不作结论，没有哪种方法显著差于最好的方法。`;
    if (best.length === 0) return `${works}：没有哪种方法的回答在每个长度都属最好之列。`;
    const clauses = uses.map((use) => `${describeWork(use, nativeWindow)}用 ${list(use.best, "或")}`);
    return `${clauses.join("；")}：${reasons[by]}。`;
  },
  sameness: (methods) => {
    const { answers, passages, sameAnswers, samePassages } = methods[0]!;
    const parts = [
      ...(answers > 0 ? [`${ofAll(sameAnswers, answers, "个回答", "个")}相同`] : []),
      ...(passages > 0 ? [`${ofAll(samePassages, passages, "段文本", "段")}的对数概率相同`] : []),
    ].join("，");
    const isSame = sameAnswers === answers && samePassages === passages;
    return isSame
      ? `在窗口内，${list(methods)} 的计算与 none 逐位相同：${parts}。`
      : `在窗口内，${list(methods)} 的计算本应与 none 相同，但 ${parts}。`;
  },
  staticCost: ({ length, ratio, ...use }) => {
    const { value, interval, pairs } = ratio;
    if (!interval) return `${nameMethod(use)} 在窗口内的代价无法判断：只有一段文本。`;
    const range = `${formatChange(interval[0])} 至 ${formatChange(interval[1])}，${pairs === undefined ? "" : `相同的 ${pairs} 段文本，每段 `}${length} 个 token`;
    if (interval[0] <= 1 && interval[1] >= 1) {
      return `在窗口内，没有发现 ${nameMethod(use)} 与 none 的困惑度有差别（${range}）。`;
    }
    const [verb, change] = value > 1 ? ["升高", value - 1] : ["降低", 1 - value];
    return `在窗口内，${nameMethod(use)} 使困惑度${verb} ${formatPercent(change)}（${range}）。`;
  },
  verdict: (measure, stretches) => {
    const overlap = measure === "perplexity" ? "其比值的区间包含 1" : "区间相互重叠";
    const clauses = stretches.map((contests) => {
      const { best, worse } = contests[0]!;
      const at = `${join(contests.map(({ length }) => String(length)))} 个 token 时`;
      if (worse.length === 0) return `${at}不作结论，${overlap}`;
      // Figures of the longest length; the table has all.
      if (contests !== stretches.at(-1) || contests.length > 1) return `${at}为 ${list(best)}`;
      const show = showStanding(measure);
      return `${at}为 ${join(best.map(show))}，其余为 ${join(worse.map(show))}`;
    });
    const how = measure === "perplexity" ? "（逐段比较）" : "";
    return `按${measures[measure]}${how}最好的（并列者之间不作结论）：${clauses.join("；")}。`;
  },
  drop: ({ measure, lengths, at, ...use }) => {
    const what = `${nameMethod(use)} 的${measures[measure]}`;
    if (!at) return `从 ${lengths[0]} 到 ${lengths.at(-1)} 个 token，没有发现 ${what}下降：区间相互重叠。`;
    const show = showStanding(measure);
    return `${what}有下降：${at.length} 个 token 时为 ${show(at)}，${at.before.length} 个 token 时为 ${show(at.before)}。`;
  },
  consistency: (cell) => {
    const subject = `${nameMethod(cell)} 的 ${cell.task}`;
    if (cell.divergence === 0 && cell.agreement === 1) return `${subject} 在测量的每个长度都完全一致。`;
    const what = `${subject}，最差时（${cell.length} 个 token）`;
    const divergence = `每 token ${formatAmount(cell.divergence)} nat${bracket(cell.divergenceInterval && formatAmountInterval(cell.divergenceInterval))}`;
    const { perplexityRatio: value, ratioInterval: interval } = cell;
    const change = `${formatChange(value)}${bracket(interval && `${formatChange(interval[0])} 至 ${formatChange(interval[1])}`)}`;
    return `${what}：KL 散度为${divergence}，首选 token 相同的占 ${formatRate(cell.agreement)}，困惑度变化 ${change}。`;
  },
  behaviour: (behaviour) => [behavioursChinese[behaviour.kind], ...sayReasons(behaviour, reasonsChinese)],
  nothing: "没有测得可以得出结论的数据。",
};

function ofAll(some: number, all: number, what: string, unit: string): string {
  return some === all ? `全部 ${all} ${what}` : `${all} ${what}中有 ${some} ${unit}`;
}

function describeWork({ work }: Use, nativeWindow: number): string {
  return {
    short: `短文本（不超过 ${nativeWindow} 个 token 的原生窗口）`,
    mixed: "长短混合（窗口之内与之外）",
    long: "长文本（超出窗口）",
  }[work];
}

function showStanding(measure: Measure): (standing: Standing) => string {
  return ({ value, interval, ...use }) => {
    const shown =
      measure === "perplexity"
        ? `${formatAmount(value)}${interval ? `，${formatAmountInterval(interval)}` : ""}`
        : `${formatRate(value)}${interval ? `，${formatRateInterval(interval)}` : ""}`;
    return `${nameMethod(use)}（${shown}）`;
  };
}

function list(uses: readonly MethodUse[], last = "和"): string {
  return join(uses.map(nameMethod), last);
}

function join(parts: readonly string[], last = "和"): string {
  if (parts.length < 2) return parts.join("");
  return `${parts.slice(0, -1).join("、")} ${last} ${parts.at(-1)}`.replaceAll("） ", "）");
}

function bracket(text: string | undefined): string {
  return text === undefined ? "" : `（${text}）`;
}
