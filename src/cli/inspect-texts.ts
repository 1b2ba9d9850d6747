import type { InspectionWarning, ModelInspection } from "../index.ts";

export { type Language, languages } from "../evaluation/language.ts";

/** Everything that a report says, in one language. Numbers and names come from the inspection; layout is not decided here. */
export interface InspectTexts {
  readonly headings: Readonly<
    Record<
      | "model"
      | "context"
      | "encoding"
      | "yarn"
      | "cache"
      | "generation"
      | "findings"
      | "differences"
      | "same"
      | "meaning",
      string
    >
  >;
  readonly labels: Readonly<Record<LabelKey, string>>;
  /** Of the comparison's fields; a field that is not here is shown by its name in `config.json`. */
  readonly fields: Readonly<Record<string, string>>;

  /** Where the facts come from. */
  readonly origin: (inspection: ModelInspection) => string;
  readonly tokens: (count: number) => string;
  /** A number of parameters, rounded. */
  readonly parameters: (count: number) => string;
  readonly layers: (inspection: ModelInspection) => string;
  readonly vocabulary: (inspection: ModelInspection) => string;
  readonly weights: (inspection: ModelInspection) => string;
  readonly method: (inspection: ModelInspection) => string;
  readonly headDimension: (inspection: ModelInspection) => string;
  /** Whether, and by what, the window is extended when nothing is set; short. */
  readonly extendedWindow: (inspection: ModelInspection) => string;
  /** What the wavelengths of a head run from and to; they are without the scaling, where one applies. */
  readonly wavelengths: (range: string, isScaled: boolean) => string;
  readonly sampling: (inspection: ModelInspection) => string;
  readonly chatTemplate: (inspection: ModelInspection) => string;
  readonly yes: string;
  readonly no: string;
  readonly none: string;
  /** What has to be enabled where nothing has. */
  readonly nothing: string;
  /** What a length means for a model, beside its memory. */
  readonly cacheWindow: Readonly<Record<"native" | "extended" | "none", string>>;

  /** What works with no setting. */
  readonly contextSummary: (inspection: ModelInspection) => string;
  /** Whether YaRN is needed, enabled, possible. */
  readonly yarnSummary: (inspection: ModelInspection) => string;
  readonly schedule: (inspection: ModelInspection) => string;
  /** Above the picture of the pairs. */
  readonly pictureCaption: (inspection: ModelInspection, factor: string) => string;
  readonly windowMarker: (window: number) => string;
  /** Below its axis. */
  readonly axisCaption: string;
  /** What a kind of pair turns like at a factor. */
  readonly pairEffects: (factor: string) => Readonly<Record<"kept" | "blended" | "interpolated", string>>;
  /** After the ways to enable YaRN on a model whose weights are not at hand. */
  readonly weightsNotBuiltIn: string;

  readonly noFindings: string;
  /** Stands before a fix. */
  readonly fix: string;
  readonly finding: (warning: InspectionWarning) => { readonly message: string; readonly fix: string };

  readonly noDifferences: string;
  /** What the differences between two models mean in practice: one text a subject. */
  readonly meaning: (a: ModelInspection, b: ModelInspection) => readonly string[];
}

/** Labels of a report's rows. */
type LabelKey =
  | "family"
  | "parameters"
  | "layers"
  | "vocabulary"
  | "weights"
  | "nativeWindow"
  | "originalWindow"
  | "extendedWindow"
  | "slidingWindow"
  | "method"
  | "theta"
  | "headDimension"
  | "attentionScaling"
  | "wavelengths"
  | "schedule"
  | "factor"
  | "window"
  | "tokens"
  | "endTokens"
  | "sampling"
  | "chatTemplate"
  | "kept"
  | "blended"
  | "interpolated"
  | "enableInProgram"
  | "enableByCommand";

/**
 * Says something of two models: once where it is the same of both.
 *
 * @param both - the subject that stands for both models
 * @param colon - what stands between a subject and what is said of it
 */
export function sayOfEach(
  [a, b]: readonly [ModelInspection, ModelInspection],
  { both, colon, gap }: { readonly both: string; readonly colon: string; readonly gap: string },
  say: (inspection: ModelInspection) => string,
): string {
  const [ofA, ofB] = [say(a), say(b)];
  return ofA === ofB ? `${both}${colon}${ofA}` : `${a.name}${colon}${ofA}${gap}${b.name}${colon}${ofB}`;
}
