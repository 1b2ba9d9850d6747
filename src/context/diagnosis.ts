/** A mistake that people make in a configuration: followed to the letter, and said together with what mends it. */
export interface Diagnosis<Code extends string = string> {
  readonly code: Code;
  /** `warning`: results or windows are probably not what was meant. `note`: worth knowing; nothing is wrong in Skein. */
  readonly level: "warning" | "note";
  /** What is odd, and what is done about it. */
  readonly message: string;
  /** What to do: the option or the corrected field, exactly. */
  readonly fix: string;
  /** The names and numbers in the two texts, from which they can be put into another language. */
  readonly values: Readonly<Record<string, string | number | boolean>>;
}
