import { EndpointError } from "./endpoint-error.ts";

/** JSON that a server answered, read field by field: whatever it is, it is checked before it is used. */
export class Answered {
  readonly #value: unknown;
  readonly #address: string;
  /** As `choices[0].text`. */
  readonly #path: string;

  /** @param address - that answered, for messages */
  constructor(value: unknown, address: string, path = "") {
    this.#value = value;
    this.#address = address;
    this.#path = path;
  }

  get isMissing(): boolean {
    return this.#value === undefined || this.#value === null;
  }

  get isNumber(): boolean {
    return typeof this.#value === "number";
  }

  is(text: string): boolean {
    return this.#value === text;
  }

  /** A field of an object; missing where it has none, or is missing itself. */
  field(name: string): Answered {
    const path = this.#path === "" ? name : `${this.#path}.${name}`;
    if (this.isMissing) return new Answered(undefined, this.#address, path);
    if (typeof this.#value !== "object" || Array.isArray(this.#value)) throw this.#wrong("an object");
    const fields = this.#value as Readonly<Record<string, unknown>>;
    return new Answered(Object.hasOwn(fields, name) ? fields[name] : undefined, this.#address, path);
  }

  /** @param most - entries; more are an error */
  list(most: number): readonly Answered[] {
    if (!Array.isArray(this.#value)) throw this.#wrong("a list");
    if (this.#value.length > most) throw this.#wrong(`a list of at most ${most} entries`);
    return this.#value.map((entry, i) => new Answered(entry, this.#address, `${this.#path}[${i}]`));
  }

  /** The entry of a list of one. */
  only(): Answered {
    const [entry] = this.list(1);
    if (!entry) throw this.#wrong("a list of one entry");
    return entry;
  }

  text(): string {
    if (typeof this.#value !== "string") throw this.#wrong("a text");
    return this.#value;
  }

  number(): number {
    if (typeof this.#value !== "number" || !Number.isFinite(this.#value)) throw this.#wrong("a number");
    return this.#value;
  }

  /** A whole number from 0. */
  count(): number {
    if (!Number.isSafeInteger(this.#value) || (this.#value as number) < 0) throw this.#wrong("a whole number from 0");
    return this.#value as number;
  }

  /** A natural logarithm of a probability. */
  logprob(): number {
    const value = this.number();
    // Rounding may leave a little above 0.
    if (value > 1e-3) throw this.#wrong("a log probability, at most 0");
    return value;
  }

  #wrong(expected: string): EndpointError {
    const where = this.#path === "" ? "" : ` in ${this.#path}`;
    const kind = typeof this.#value === "object" ? "an object" : `a ${typeof this.#value}`;
    const found = this.isMissing ? "nothing" : Array.isArray(this.#value) ? "a list" : kind;
    return new EndpointError(this.#address, `answered ${found}${where} where ${expected} was expected`);
  }
}
