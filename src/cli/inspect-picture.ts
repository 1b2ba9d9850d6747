import stringWidth from "string-width";
import type { ModelInspection } from "../index.ts";
import { formatFactor, formatWavelength } from "./inspect-facts.ts";
import type { InspectTexts } from "./inspect-texts.ts";
import { wrapText } from "./inspect-wrap.ts";

/** What YaRN does to a pair. */
type PairKind = "kept" | "blended" | "interpolated";

/** Puts a colour on a piece of the picture. */
export type Paint = (kind: PairKind, text: string) => string;

/** The most columns that the pairs of a head are drawn in. */
const pictureWidth = 64;
/** The most columns that a line may have. */
const lineWidth = 76;
const levels = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/**
 * Draws the pairs of a head from the fastest to the slowest, each as high as YaRN slows it down, over an axis of wavelengths on which
 * the original window is marked.
 *
 * @param room - columns that a line may take
 * @returns lines without indentation; none for a model that YaRN cannot be put on
 */
export function drawPairs(
  inspection: ModelInspection,
  texts: InspectTexts,
  paint: Paint,
  room: number = lineWidth,
): readonly string[] {
  const { yarn, encoding } = inspection;
  if (yarn === null) return [];
  const { wavelengths } = encoding;
  const shares = wavelengths.map((_, pair) => interpolatedShare(pair, yarn.pairs));
  const width = Math.min(lineWidth, room);
  const most = Math.min(pictureWidth, width);
  const cell = Math.max(1, Math.floor(most / wavelengths.length));
  const columns = Math.min(most, wavelengths.length * cell);
  const pairAt = (column: number) => Math.floor((column * wavelengths.length) / columns);
  const columnOf = (tokens: number) => {
    const pair = wavelengths.findIndex((wavelength) => wavelength >= tokens);
    return pair === -1 ? -1 : Math.floor((pair * columns) / wavelengths.length);
  };

  const drawn = Array.from({ length: columns }, (_, column) => shares[pairAt(column)] ?? 0);
  const marker = columnOf(yarn.originalWindow);
  return [
    ...(marker === -1 ? [] : drawMarker(marker, texts.windowMarker(yarn.originalWindow), width)),
    drawBar(drawn, paint),
    drawAxis(columns, columnOf, width),
    ...wrapText(texts.axisCaption, width).split("\n"),
  ];
}

/** The rows that explain the picture: sign, name, number of pairs, wavelengths, what happens to them. */
export function pairLegend(
  inspection: ModelInspection,
  texts: InspectTexts,
  paint: Paint,
): readonly (readonly string[])[] {
  const { yarn, encoding } = inspection;
  if (yarn === null) return [];
  const signs = { kept: "▁", blended: "▂…▇", interpolated: "█" };
  const effects = texts.pairEffects(formatFactor(yarn.option.factor ?? 1));
  return (["kept", "blended", "interpolated"] as const).map((kind) => {
    const own = encoding.wavelengths.filter((_, pair) => kindOf(interpolatedShare(pair, yarn.pairs)) === kind);
    const range = own.length === 0 ? "" : `${formatWavelength(own[0]!)} … ${formatWavelength(own.at(-1)!)}`;
    return [paint(kind, signs[kind]), texts.labels[kind], String(yarn.pairs[kind]), range, effects[kind]];
  });
}

/** 0 kept as it is, 1 interpolated; as YaRN's ramp, which falls where its bounds are reversed. */
function interpolatedShare(pair: number, { low, high }: { readonly low: number; readonly high: number }): number {
  if (low === high) return pair > low ? 1 : 0;
  return Math.min(1, Math.max(0, (pair - low) / (high - low)));
}

function kindOf(share: number): PairKind {
  if (share === 0) return "kept";
  return share === 1 ? "interpolated" : "blended";
}

function levelOf(share: number): string {
  if (share === 0 || share === 1) return levels[share * (levels.length - 1)]!;
  return levels[1 + Math.floor(share * (levels.length - 2))]!;
}

/** One piece of colour for a run of pairs of one kind. */
function drawBar(shares: readonly number[], paint: Paint): string {
  let bar = "";
  for (let start = 0; start < shares.length; ) {
    const kind = kindOf(shares[start]!);
    let end = start + 1;
    while (end < shares.length && kindOf(shares[end]!) === kind) end++;
    bar += paint(kind, shares.slice(start, end).map(levelOf).join(""));
    start = end;
  }
  return bar;
}

function drawMarker(column: number, text: string, width: number): readonly string[] {
  const size = stringWidth(text);
  if (column + 2 + size <= width) return [`${" ".repeat(column)}▼ ${text}`];
  if (size < column) return [`${" ".repeat(column - 1 - size)}${text} ▼`];
  return [text, `${" ".repeat(column)}▼`];
}

/** Powers of ten, each at the first pair that is at least as slow. */
function drawAxis(columns: number, columnOf: (tokens: number) => number, width: number): string {
  let axis = "";
  for (let tokens = 10; tokens < 1e15; tokens *= 10) {
    const column = columnOf(tokens);
    if (column === -1) break;
    const power = formatPower(tokens);
    if (column < axis.length || column >= columns || column + 1 + power.length > width) continue;
    axis += `${" ".repeat(column - axis.length)}╵${power} `;
  }
  return axis.trimEnd();
}

function formatPower(tokens: number): string {
  if (tokens < 1e3) return String(tokens);
  return formatWavelength(tokens).replace(/^(\d+)000$/, "$1K");
}
