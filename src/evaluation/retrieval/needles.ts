import { fitHay, type Haystack, takeWords } from "../haystack.ts";
import { spreadDepth } from "../passkey.ts";
import type { Question } from "../questions.ts";
import { createRandom, pickWhole, seedOf, shuffled } from "../random.ts";
import type { Plan } from "../trial.ts";
import { noise } from "./noise.ts";
import { drawDistinct, drawWordPair, wordPairCount } from "./words.ts";

/** A needle says that a key has a value: `One of the special magic numbers for bold-river is: 1234567.` */
export interface NeedleTask {
  readonly name: string;
  /** What hides them: one sentence again and again, running text, or needles that are not asked for. */
  readonly hay: "noise" | "essay" | "needles";
  readonly keys: "words" | "uuids";
  readonly values: "numbers" | "uuids";
  readonly keyCount: number;
  /** Of each key. */
  readonly valueCount: number;
  /** How many of the keys are asked for. */
  readonly askedCount: number;
}

const single = { hay: "essay", keys: "words", values: "numbers", keyCount: 1, valueCount: 1, askedCount: 1 } as const;

export const needleTasks: readonly NeedleTask[] = [
  { ...single, name: "niah_single_1", hay: "noise" },
  { ...single, name: "niah_single_2" },
  { ...single, name: "niah_single_3", values: "uuids" },
  { ...single, name: "niah_multikey_1", keyCount: 4 },
  { ...single, name: "niah_multikey_2", hay: "needles" },
  { ...single, name: "niah_multikey_3", hay: "needles", keys: "uuids", values: "uuids" },
  { ...single, name: "niah_multivalue", valueCount: 4 },
  { ...single, name: "niah_multiquery", keyCount: 4, askedCount: 4 },
];

/** Of an answer, in tokens. */
export const needleAnswerTokens = 128;

/** A needle stands at one of so many places, from the text's beginning to its end. */
const places = 40;

/**
 * Keys with values in a text, and a question for the values of some.
 *
 * @returns nothing where not even a question without hay fits the length
 * @see Hsieh et al., RULER: What's the real context size of your long-context language models? (2024), section 3.1; the wording is that of
 *   https://github.com/NVIDIA/RULER, scripts/data/synthetic/constants.py
 */
export async function makeNeedleQuestion(
  { target, haystack, seed }: Plan,
  task: NeedleTask,
  length: number,
  index: number,
): Promise<Question | undefined> {
  const random = createRandom(seedOf(seed, task.name, length, index));
  const drawKey = drawDistinct(() => (task.keys === "words" ? drawWordPair(random) : drawUuid(random)));
  const drawValue = drawDistinct(() =>
    task.values === "numbers" ? String(pickWhole(random, 1_000_000, 10_000_000)) : drawUuid(random),
  );
  const keys = Array.from({ length: task.keyCount }, drawKey);
  const needles = keys.flatMap((key) => Array.from({ length: task.valueCount }, () => ({ key, value: drawValue() })));
  const asked = keys.slice(0, task.askedCount);
  const expected = needles.filter(({ key }) => asked.includes(key)).map(({ value }) => value);
  const depths = shuffled(random, [...Array(places).keys()]).map((place) => place / (places - 1));
  // One answer stands in each tenth of the text as often as in any other.
  if (expected.length === 1) depths[0] = spreadDepth(index, random);
  const placed = needles.map(({ key, value }, i) => ({ text: sayNeedle(task, key, value), depth: depths[i]! }));
  const { units, separator } = layHay(task, haystack, random, () => sayNeedle(task, drawKey(), drawValue()));
  const context = (amount: number): string => hide(placed, units(amount)).join(separator);
  const prompt = (amount: number): string => ask(task, asked, context(amount));
  const amount = await fitHay(prompt, (text) => target.countTokens(text), length - needleAnswerTokens, {
    guess: Math.ceil(length / (task.hay === "essay" ? 2 : 25)),
    // Draws keys for lines, each once.
    ...(task.hay === "needles" && task.keys === "words" && { largest: wordPairCount / 2 }),
  });
  if (amount === undefined) return undefined;
  const depth = expected.length === 1 ? depthOf(placed[0]!.text, context(amount)) : undefined;
  return { prompt: prompt(amount), expected, ...(depth !== undefined && { depth }) };
}

/** What there may be more or less of, and what stands between. */
interface Hay {
  units(amount: number): readonly string[];
  readonly separator: string;
}

function layHay({ hay }: NeedleTask, haystack: Haystack, random: () => number, drawNeedle: () => string): Hay {
  if (hay === "noise") return { units: (amount) => Array<string>(amount).fill(noise), separator: "\n" };
  if (hay === "needles") {
    const lines: string[] = [];
    const units = (amount: number): readonly string[] => {
      while (lines.length < amount) lines.push(drawNeedle());
      return lines.slice(0, amount);
    };
    return { units, separator: "\n" };
  }
  const start = pickWhole(random, 0, haystack.words.length);
  return { units: (amount) => sentences(takeWords(haystack, start, amount)), separator: " " };
}

/** Line breaks become blanks. */
function sentences(words: readonly string[]): readonly string[] {
  const text = words.join("").replaceAll(/\s+/g, " ").trim();
  return text === "" ? [] : text.split(/(?<=[.!?]["'”’)]*) |(?<=[。！？]["'”’)」』）]*)(?!["'”’)」』）]) ?/);
}

/** Each needle between two pieces of hay, or at an end. */
function hide(
  needles: readonly { readonly text: string; readonly depth: number }[],
  units: readonly string[],
): readonly string[] {
  const byPlace = Map.groupBy(
    needles.toSorted((a, b) => a.depth - b.depth),
    ({ depth }) => Math.round(depth * units.length),
  );
  const before = (place: number): readonly string[] => (byPlace.get(place) ?? []).map(({ text }) => text);
  return [...units.flatMap((unit, place) => [...before(place), unit]), ...before(units.length)];
}

/** Where it really stands: there may be few sentences to stand between. */
function depthOf(needle: string, context: string): number {
  return context.indexOf(needle) / Math.max(1, context.length - needle.length);
}

function sayNeedle({ values }: NeedleTask, key: string, value: string): string {
  return `One of the special magic ${values} for ${key} is: ${value}.`;
}

function ask({ values, valueCount }: NeedleTask, keys: readonly string[], context: string): string {
  const several = keys.length * valueCount > 1;
  const kind = several ? values : values.slice(0, -1);
  const query = keys.length > 1 ? `${keys.slice(0, -1).join(", ")}, and ${keys.at(-1)}` : keys[0];
  const [opening, question, verb] = several
    ? [`Some special magic ${kind} are hidden`, "What are all", "are"]
    : [`A special magic ${kind} is hidden`, "What is", "is"];
  return (
    `${opening} within the following text. Make sure to memorize it. I will quiz you about the ${kind} afterwards.\n` +
    `${context}\n` +
    `${question} the special magic ${kind} for ${query} mentioned in the provided text?` +
    ` The special magic ${kind} for ${query} mentioned in the provided text ${verb}`
  );
}

/** Of version 4. */
function drawUuid(random: () => number): string {
  return "xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx".replace(/[xv]/g, (place) =>
    (place === "v" ? pickWhole(random, 8, 12) : pickWhole(random, 0, 16)).toString(16),
  );
}
