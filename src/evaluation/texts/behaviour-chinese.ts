import type { Behaviour } from "../result.ts";
import type { ReasonText } from "./reason-values.ts";

export const behavioursChinese: Readonly<Record<Behaviour["kind"], string>> = {
  limited: "该服务拒绝超出原生窗口的输入。",
  unscaled: "该服务看起来没有缩放：接受超出原生窗口的输入，但在那里效果很差。",
  static: "该服务看起来是静态缩放：所有长度用同一种编码，超出窗口仍然良好。",
  dynamic: "该服务看起来是动态缩放：超出窗口时的编码与窗口内不同。",
  scaled: "该服务看起来有缩放，静态或动态。",
  unclear: "无法判断该服务如何缩放。",
};

const passkeys: ReasonText = ({ show, rate }) =>
  `密钥检索在 ${show("insideLength")} 个 token 时为 ${rate("inside")}，在 ${show("length")} 个 token 时为 ${rate("beyond")}`;
const ends: ReasonText = ({ show }) =>
  `窗口内困惑度为 ${show("inside")}，在 ${show("length")} 个 token 的末尾为 ${show("beyond")}`;
const beginning: ReasonText = ({ show }) =>
  `其中每个 token 的对数概率相差 ${show("difference")} nat，而噪声为 ${show("noise")} nat`;

/** By code. */
export const reasonsChinese: Readonly<Record<string, ReasonText>> = {
  refused_beyond: ({ show, has }) =>
    `它拒绝了 ${show("length")} 个 token${has("window") ? `，并称其窗口为 ${show("window")}` : ""}。`,
  accepted_beyond: ({ show }) => `它接受 ${show("length")} 个 token。`,
  no_length_beyond: ({ show }) => `没有测试超出 ${show("nativeWindow")} 个 token 原生窗口的长度。`,
  no_prompt_logprobs: () => "它不返回提示的对数概率，因此按密钥检索判断。",
  score_refused: ({ show, has }) =>
    `${show("length")} 个 token 的文本无法评分${has("window") ? `：它称其窗口为 ${show("window")}` : ""}。`,
  beginning_same: (values) => `无论后面有什么，开头的计算都相同：${beginning(values)}。`,
  beginning_differs: (values) => `文本超出窗口后，开头的计算就不同：${beginning(values)}。`,
  beginning_unclear: (values) => `开头的计算是否相同被噪声掩盖：${beginning(values)}。`,
  perplexity_holds: (values) => `超出窗口后，文本困惑度的升幅不到四分之一：${ends(values)}。`,
  perplexity_collapses: (values) => `超出窗口后，文本困惑度的升幅超过四分之一：${ends(values)}。`,
  perplexity_unclear: (values) => `超出窗口后，文本困惑度的升幅是否超过四分之一尚不清楚：${ends(values)}。`,
  passkey_holds: (values) => `超出窗口后，答对的超过窗口内的一半；${passkeys(values)}。`,
  passkey_drops: (values) => `超出窗口后，答对的不到窗口内的一半；${passkeys(values)}。`,
  passkey_unclear: (values) => `超出窗口后，答对的是否超过窗口内的一半尚不清楚；${passkeys(values)}。`,
  reference_agrees: ({ show }) =>
    `在窗口内，它的计算与相同权重上的 ${show("method")} 一致：相距 ${show("difference")} nat，与次近的相距 ${show("other")} nat。`,
  reference_unclear: ({ show }) =>
    `在窗口内，它与两种参照都不接近：与 ${show("method")} 相距 ${show("difference")} nat，与另一种相距 ${show("other")} nat。它的缩放因子或权重可能不同。`,
  no_reference: () => "只有与相同权重对照，才能区分静态与其他编码。",
  asked_by_chats: () => "提问使用对话接口，提示带有对话模板；参照读取的提示没有模板，因此未作比较。",
  no_answer_logprobs: () => "它不返回可供比较的回答对数概率。",
};
