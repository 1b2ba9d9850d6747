import stringWidth from "string-width";
import { isSameMethod, listMethods, nameMethod } from "../evaluation/method-use.ts";
import type { AccuracyCell, DepthCell, EvaluationResult } from "../evaluation/result.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";
import { safeText } from "./inspect-facts.ts";
import { style } from "./node/terminal.ts";

const gapBetween = 3;
/** By fifths of what is right; the number beside it says the same. */
const shades = [" ", "░", "▒", "▓", "█"] as const;
const colours = ["red", "magenta", "yellow", "cyan", "green"] as const;

/**
 * How well questions were answered by length, downward, and by where in the text the answer stood, to the right: one map for each method, side by side
 * where there is room.
 *
 * @param cells - of one task, with depths
 * @returns lines without indentation
 */
export function drawHeatMaps(
  cells: readonly AccuracyCell[],
  { subject }: Pick<EvaluationResult, "subject">,
  texts: EvaluateTexts,
  width: number,
): readonly string[] {
  const lengths = [...new Set(cells.map(({ length }) => length))].sort((a, b) => a - b);
  const depths = [...new Set(cells.flatMap(({ depths = [] }) => depths.map(({ depth: [from] }) => from)))].sort(
    (a, b) => a - b,
  );
  const uses = listMethods(cells);
  const label = Math.max(...lengths.map((length) => String(length).length));
  const mapWidth = (square: number): number => label + depths.length * square;
  const beside = uses.length > 1 && 2 * mapWidth(5) + gapBetween <= width ? 2 : 1;
  const room = Math.floor((width - (beside - 1) * gapBetween) / beside);
  const square = Math.min(6, Math.max(2, Math.floor((room - label) / depths.length)));
  const maps = uses.map((use) => {
    const own = cells.filter((cell) => isSameMethod(cell, use));
    const rows = lengths.flatMap((length) => {
      const found = own.find((cell) => cell.length === length)?.depths ?? [];
      const squares = depths.map((from) =>
        drawSquare(
          found.find(({ depth }) => depth[0] === from),
          square,
        ),
      );
      const line = style("dim", String(length).padStart(label)) + squares.join("");
      return length === lastInside(lengths, subject.nativeWindow)
        ? [line, style("dim", "─".repeat(mapWidth(square)))]
        : [line];
    });
    const axis = depths.map((from) => (square < 4 ? "" : `${Math.round(from * 100)}%`.padStart(square))).join("");
    return [style("bold", safeText(nameMethod(use))), style("dim", " ".repeat(label) + axis), ...rows];
  });
  const lines: string[] = [];
  for (let first = 0; first < maps.length; first += beside) {
    if (first > 0) lines.push("");
    const row = maps.slice(first, first + beside);
    for (let line = 0; line < row[0]!.length; line++) {
      lines.push(
        row
          .map((map) => padTo(map[line] ?? "", mapWidth(square)))
          .join(" ".repeat(gapBetween))
          .trimEnd(),
      );
    }
  }
  return [...lines, "", style("dim", texts.shades)];
}

/** The last length of those within the window, where some are beyond it: a line is drawn below. */
function lastInside(lengths: readonly number[], nativeWindow: number): number | undefined {
  return lengths.some((length) => length > nativeWindow)
    ? lengths.findLast((length) => length <= nativeWindow)
    : undefined;
}

/** A shade and the per cent: as much of both as there is room for. */
function drawSquare(cell: DepthCell | undefined, width: number): string {
  if (cell === undefined) return "–".padStart(width);
  const level = Math.min(shades.length - 1, Math.floor(cell.accuracy * shades.length));
  const number = String(Math.round(cell.accuracy * 100)).padStart(3);
  const inside = width < 4 ? shades[level]!.repeat(width - 1) : shades[level]!.repeat(width - 4) + number;
  return ` ${style(colours[level]!, inside)}`;
}

function padTo(text: string, width: number): string {
  return text + " ".repeat(Math.max(0, width - stringWidth(text)));
}
