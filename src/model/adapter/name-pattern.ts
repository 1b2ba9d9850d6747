import { UnsupportedError } from "../../errors.ts";

/** Matches names of a model's modules. */
export interface NamePattern {
  /** Whether the whole name matches; takes time by the pattern's size times the name's. */
  matches(name: string): boolean;
}

/** Characters; the patterns that trainers write have up to 700. */
const longestPattern = 2000;
/** Steps of a compiled pattern; counted repetitions multiply them. */
const mostSteps = 10_000;
const deepestGroup = 50;

/**
 * A pattern of an adapter's configuration, in the syntax of Python's `re` as far as names of modules need it: all that a finite automaton decides, and
 * lookahead. An engine that backtracks could be kept busy for years by a file; this one tries all ways at once.
 *
 * @param field - where the pattern stands, for messages
 * @throws UnsupportedError for what it does not have: lookbehind, references to groups, flags, possessive repetition
 * @see https://swtch.com/~rsc/regexp/regexp2.html
 *
 * @example
 * compileNamePattern("target_modules", ".*\\.(q|v)_proj").matches("model.layers.0.self_attn.q_proj") // true
 */
export function compileNamePattern(field: string, pattern: string): NamePattern {
  const compiler = new Compiler(field, pattern);
  const start = compiler.compile();
  return { matches: (name) => run(compiler.steps, start, name, 0, true) };
}

/** A step of a compiled pattern; `next` and `other` are indices of steps. */
type Step =
  | { readonly kind: "character"; readonly test: (character: string) => boolean; readonly next: number }
  | { readonly kind: "branch"; next: number; other: number }
  | { readonly kind: "place"; readonly test: (name: string, at: number) => boolean; readonly next: number }
  | { readonly kind: "look"; readonly start: number; readonly isNegative: boolean; readonly next: number }
  | { readonly kind: "end" };

/** Goes on from a step: made from the end of a pattern to its beginning. @returns the index of its first step */
type Fragment = (next: number) => number;

/** @param isWhole - whether the name has to end where the pattern does */
function run(steps: readonly Step[], start: number, name: string, from: number, isWhole: boolean): boolean {
  let current = new Set<number>();
  let hasEnded = false;
  const enter = (states: Set<number>, first: number, at: number): void => {
    const waiting = [first];
    for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
      if (states.has(index)) continue;
      states.add(index);
      const step = steps[index]!;
      if (step.kind === "end") hasEnded ||= !isWhole || at === name.length;
      else if (step.kind === "branch") waiting.push(step.next, step.other);
      else if (step.kind === "place" && step.test(name, at)) waiting.push(step.next);
      else if (step.kind === "look" && run(steps, step.start, name, at, false) !== step.isNegative)
        waiting.push(step.next);
    }
  };
  enter(current, start, from);
  for (let at = from; at < name.length && current.size > 0 && !hasEnded; at++) {
    const after = new Set<number>();
    for (const index of current) {
      const step = steps[index]!;
      if (step.kind === "character" && step.test(name[at]!)) enter(after, step.next, at + 1);
    }
    current = after;
  }
  return hasEnded;
}

const isWordCharacter = (character: string | undefined): boolean => character !== undefined && /\w/.test(character);
const isWordEdge = (name: string, at: number): boolean => isWordCharacter(name[at - 1]) !== isWordCharacter(name[at]);

/** Escapes that stand for a set of characters. Names are ASCII, where Python and JavaScript agree. */
const escapedSets: Readonly<Record<string, RegExp>> = { d: /\d/, D: /\D/, w: /\w/, W: /\W/, s: /\s/, S: /\S/ };

const places: Readonly<Record<string, (name: string, at: number) => boolean>> = {
  "^": (_, at) => at === 0,
  $: (name, at) => at === name.length,
  "\\A": (_, at) => at === 0,
  "\\Z": (name, at) => at === name.length,
  "\\b": isWordEdge,
  "\\B": (name, at) => !isWordEdge(name, at),
};

class Compiler {
  readonly steps: Step[] = [];
  readonly #field: string;
  readonly #pattern: string;
  #at = 0;
  #depth = 0;
  #isInLook = false;
  #copies = 0;

  constructor(field: string, pattern: string) {
    this.#field = field;
    this.#pattern = pattern;
    if (pattern.length > longestPattern) throw this.#refuse(`is longer than ${longestPattern} characters`);
  }

  compile(): number {
    const whole = this.#alternatives();
    if (this.#at < this.#pattern.length) throw this.#refuse(`has a ) without its ( at character ${this.#at}`);
    return whole(this.#add({ kind: "end" }));
  }

  #alternatives(): Fragment {
    if (++this.#depth > deepestGroup) throw this.#refuse(`has groups more than ${deepestGroup} deep`);
    const branches = [this.#sequence()];
    while (this.#take("|")) branches.push(this.#sequence());
    this.#depth--;
    return (next) =>
      branches
        .map((branch) => branch(next))
        .reduce((first, other) => this.#add({ kind: "branch", next: first, other }));
  }

  #sequence(): Fragment {
    const parts: Fragment[] = [];
    while (this.#at < this.#pattern.length && this.#peek() !== "|" && this.#peek() !== ")")
      parts.push(this.#repeated());
    return (next) => parts.reduceRight((after, part) => part(after), next);
  }

  #repeated(): Fragment {
    let part = this.#atom();
    for (;;) {
      const count = this.#repetition();
      if (!count) return part;
      const [least, most] = count;
      this.#take("?"); // lazy or not: a whole match is the same
      if (this.#peek() === "+") throw this.#refuse("has a possessive repetition, which is not supported");
      part = this.#times(part, least, most);
    }
  }

  /** @returns how often the part before it stands; undefined when nothing is said */
  #repetition(): readonly [least: number, most: number] | undefined {
    if (this.#take("*")) return [0, Number.POSITIVE_INFINITY];
    if (this.#take("+")) return [1, Number.POSITIVE_INFINITY];
    if (this.#take("?")) return [0, 1];
    const counted = /^\{(\d{0,4})(,?)(\d{0,4})\}/.exec(this.#pattern.slice(this.#at, this.#at + 12));
    if (!counted || counted[0] === "{}") return undefined; // then it is a brace
    this.#at += counted[0].length;
    const least = Number(counted[1]);
    const most = counted[2] === "" ? least : counted[3] === "" ? Number.POSITIVE_INFINITY : Number(counted[3]);
    if (most < least) throw this.#refuse(`repeats from ${least} to ${most} times`);
    return [least, most];
  }

  #times(repeated: Fragment, least: number, most: number): Fragment {
    const part: Fragment = (next) => {
      if (++this.#copies > mostSteps) throw this.#refuse("is too large with its repetitions"); // what is empty adds no step
      return repeated(next);
    };
    return (next) => {
      let after = next;
      if (most === Number.POSITIVE_INFINITY) {
        const loop: Step = { kind: "branch", next, other: next };
        after = this.#add(loop);
        loop.next = part(after);
      } else for (let i = least; i < most; i++) after = this.#add({ kind: "branch", next: part(after), other: next });
      for (let i = 0; i < least; i++) after = part(after);
      return after;
    };
  }

  #atom(): Fragment {
    const character = this.#peek()!;
    if (this.#take("(")) return this.#group();
    if (this.#take("[")) return this.#one(this.#set());
    if (this.#take(".")) return this.#one(() => true);
    if ("*+?".includes(character)) throw this.#refuse(`repeats nothing at character ${this.#at}`);
    const text = this.#pattern.slice(this.#at, this.#at + (character === "\\" ? 2 : 1));
    this.#at += text.length;
    if (Object.hasOwn(places, text)) {
      const test = places[text]!;
      return (next) => this.#add({ kind: "place", test, next });
    }
    return this.#one(character === "\\" ? this.#escaped(text[1]) : (other) => other === character);
  }

  #group(): Fragment {
    const isLook = this.#take("?=") || this.#take("?!");
    if (isLook) {
      if (this.#isInLook) throw this.#refuse("has a lookahead inside another, which is not supported");
      const isNegative = this.#pattern[this.#at - 1] === "!";
      this.#isInLook = true;
      const inner = this.#closed();
      this.#isInLook = false;
      return (next) => this.#add({ kind: "look", start: inner(this.#add({ kind: "end" })), isNegative, next });
    }
    const named = /^\?P<\w+>/.exec(this.#pattern.slice(this.#at));
    if (named) this.#at += named[0].length;
    else if (!this.#take("?:") && this.#peek() === "?")
      throw this.#refuse(`has a group that is not supported: (${this.#pattern.slice(this.#at, this.#at + 3)}`);
    return this.#closed();
  }

  #closed(): Fragment {
    const inner = this.#alternatives();
    if (!this.#take(")")) throw this.#refuse("has a ( without its )");
    return inner;
  }

  /** What stands in square brackets. */
  #set(): (character: string) => boolean {
    const isNegative = this.#take("^");
    const tests: ((character: string) => boolean)[] = [];
    for (let isFirst = true; isFirst || this.#peek() !== "]"; isFirst = false) {
      const first = this.#setMember();
      const isRange = this.#peek() === "-" && this.#pattern[this.#at + 1] !== "]";
      if (typeof first !== "string" || !isRange) {
        tests.push(typeof first === "string" ? (character) => character === first : first);
        continue;
      }
      this.#at++;
      const last = this.#setMember();
      if (typeof last !== "string" || last < first)
        throw this.#refuse(`has a range that is none before character ${this.#at}`);
      tests.push((character) => character >= first && character <= last);
    }
    this.#at++;
    return (character) => tests.some((test) => test(character)) !== isNegative;
  }

  /** @returns a character, or what a set's escape stands for */
  #setMember(): string | ((character: string) => boolean) {
    const character = this.#peek();
    if (character === undefined) throw this.#refuse("has a [ without its ]");
    this.#at++;
    if (character !== "\\") return character;
    const escaped = this.#peek();
    this.#at++;
    return escaped !== undefined && /[^\w]/.test(escaped) ? escaped : this.#escaped(escaped);
  }

  #escaped(character: string | undefined): (other: string) => boolean {
    if (character === undefined) throw this.#refuse("ends in a backslash");
    const set = Object.hasOwn(escapedSets, character) ? escapedSets[character] : undefined;
    if (set) return (other) => set.test(other);
    if (/[^\W_]/.test(character)) throw this.#refuse(`has \\${character}, which is not supported`);
    return (other) => other === character;
  }

  #one(test: (character: string) => boolean): Fragment {
    return (next) => this.#add({ kind: "character", test, next });
  }

  #add(step: Step): number {
    if (this.steps.length >= mostSteps) throw this.#refuse("is too large with its repetitions");
    return this.steps.push(step) - 1;
  }

  #peek(): string | undefined {
    return this.#pattern[this.#at];
  }

  #take(text: string): boolean {
    if (!this.#pattern.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #refuse(problem: string): UnsupportedError {
    const shown = this.#pattern.length > 60 ? `${this.#pattern.slice(0, 60)}…` : this.#pattern;
    return new UnsupportedError(`${this.#field}: the pattern ${JSON.stringify(shown)} ${problem}`);
  }
}
