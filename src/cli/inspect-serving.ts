import type { ServingSettings } from "../index.ts";
import { facts, section, title } from "./inspect-report.ts";
import type { ServingTexts } from "./inspect-serving-texts.ts";
import { wrapText } from "./inspect-wrap.ts";
import { copyable, printable, style } from "./node/terminal.ts";

/**
 * The report on how another engine serves a model. Commands stand at the beginning of their lines, so that they can be copied as they are.
 *
 * @param width - columns that running text may take
 */
export function reportServing(settings: ServingSettings, texts: ServingTexts, width: number): string {
  const { model, cache, notes, steps } = settings;
  const { labels, headings } = texts;
  const rows: readonly (readonly [string, string])[] = [
    [labels.window, texts.window(settings)],
    [labels.scaling, texts.scaling(settings)],
    [labels.cache, texts.cache(settings)],
    [labels.reckoning, texts.reckoning(cache)],
    [labels.smaller, cache.setting],
  ];
  return [
    `${title(printable(model), texts.title(settings), width)}\n${facts(rows, width)}`,
    section(
      headings.settings,
      steps
        .map((step) => `${style("dim", `# ${texts.purpose(step)}`)}\n${style("cyan", copyable(step.text))}`)
        .join("\n\n"),
    ),
    section(headings.notes, notes.map((note) => wrapText(texts.note(note), width, "    ", "  · ")).join("\n")),
  ].join("\n\n");
}
