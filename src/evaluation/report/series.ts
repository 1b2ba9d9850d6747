import { isSameMethod, listMethods, type MethodUse, nameMethod } from "../method-use.ts";
import type { Cell, EvaluationResult } from "../result.ts";

/** A way that was measured, and how it looks in every chart. */
export interface Series extends MethodUse {
  readonly label: string;
  /** From 0; decides on colour, dashes and symbol, which say the same three times. */
  readonly style: number;
}

/** How lines differ beside their colour: `stroke-dasharray`. */
const dashes = ["", "6 3", "2 3", "9 3 2 3", "12 4", "4 2 1 2 1 2", "1 4", "8 2 2 2 2 2"] as const;
const symbols = ["circle", "square", "triangle", "diamond", "star", "cross", "wye", "times"] as const;

/** Colours, dashes and symbols of so many series differ. */
const seriesStyles = dashes.length;

/** Of all that the result has, in the order of its settings. */
export function findSeries({ settings, cells }: Pick<EvaluationResult, "settings" | "cells">): readonly Series[] {
  const named = settings.methods.map(({ name, factor }) => ({ method: name, factor }));
  const measured = listMethods([...named, ...cells]).filter((use) => cells.some((cell) => isSameMethod(cell, use)));
  return measured.map((use, style) => ({ ...use, label: nameMethod(use).replace(" ×", "\u00a0×"), style }));
}

/** Of series that no method stands for, as what consistency compares. */
export function nameSeries(labels: readonly string[]): readonly Series[] {
  return labels.map((label, style) => ({ method: label, factor: 1, label, style }));
}

/** @returns cells of a series, shortest first */
export function cellsOf<C extends Cell>(cells: readonly C[], series: Series): readonly C[] {
  return cells.filter((cell) => isSameMethod(cell, series)).toSorted((a, b) => a.length - b.length);
}

/** A colour of the page's style sheet. */
export function colourOf({ style }: Series): string {
  return `var(--series-${style % seriesStyles})`;
}

export function dashesOf(series: Series): string {
  return dashes[lineStyle(series)]!;
}

export function symbolOf(series: Series): (typeof symbols)[number] {
  return symbols[lineStyle(series)]!;
}

/** Where colours begin again, dashes and symbols do with the next ones. */
function lineStyle({ style }: Series): number {
  return (style + Math.floor(style / seriesStyles)) % seriesStyles;
}
