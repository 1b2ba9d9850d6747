import fc from "fast-check";

/** One thing that goes wrong with a JSON text: what happens to which value. */
export interface JsonChange {
  /** The way to a value: at each level the index of a child, modulo their number. */
  readonly path: readonly number[];
  /** The text that takes its place; a name of {@link hostileValues}, so that a counterexample can be read. */
  readonly value?: string;
  /** The name that its key gets. */
  readonly key?: string;
  /** Whether it is taken out. */
  readonly remove?: true;
  /** Whether its key is there twice, with null the second time. */
  readonly twice?: true;
}

const hostileValues: Readonly<Record<string, string>> = {
  "nested 50,000 deep": `${"[".repeat(50_000)}${"]".repeat(50_000)}`,
  "objects nested 5,000 deep": `${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`,
  "a text of 200,000 characters": JSON.stringify("x".repeat(200_000)),
  "a list of 50,000 numbers": `[${"1,".repeat(50_000)}1]`,
  "an object of 5,000 keys": `{${Array.from({ length: 5_000 }, (_, i) => `"${i}":${i}`).join(",")}}`,
  ...Object.fromEntries(
    [
      "null true false 0 1 -1 2 -0 0.5 1e-320 1e308 1e999 -1e999 65536 2147483647 2147483648 4294967296 9007199254740993",
      '[] {} [[]] [null] [1e999] [-1] "" "NaN" "Infinity" "1" "__proto__" "toString" "../../../etc/passwd" "/etc/passwd"',
      '"C:\\\\x" "\\u0000" "\\ud800" "\\u001b[31m\\r\\n" {"__proto__":{"type":"yarn"}} {"constructor":{"prototype":{}}}',
    ].flatMap((line) => line.split(" ").map((text) => [text, text])),
  ),
};
const hostileKeys = ["__proto__", "constructor", "toString", "length", "", "\0", "x".repeat(2000), "\u001b[31m\r\n"];

/** JSON text after the changes; what is no JSON stays as it is. */
export function changeJson(text: string, changes: readonly JsonChange[]): string {
  // What is put in as text is marked first: no value of JavaScript becomes 1e999, or the same key twice.
  const marks = new Map<string, string>();
  const mark = (raw: string): string => {
    const key = `\u0001${marks.size}\u0001`;
    marks.set(JSON.stringify(key), raw);
    return key;
  };
  const root: { value: unknown } = { value: JSON.parse(text) };
  for (const change of changes) changeOnce(root, change, mark);
  return [...marks].reduce((json, [key, raw]) => json.replaceAll(key, () => raw), JSON.stringify(root.value));
}

function changeOnce(root: { value: unknown }, change: JsonChange, mark: (raw: string) => string): void {
  let parent: Record<string, unknown> = root as Record<string, unknown>;
  let key = "value";
  for (const step of change.path) {
    const value = parent[key];
    const keys = typeof value === "object" && value !== null ? Object.keys(value) : [];
    if (keys.length === 0) break;
    parent = value as Record<string, unknown>;
    key = keys[step % keys.length]!;
  }
  if (change.value !== undefined) parent[key] = mark(hostileValues[change.value]!);
  if (parent === (root as unknown)) return;
  if (change.twice && !Array.isArray(parent)) {
    parent[mark(`${JSON.stringify(key)}:null,${JSON.stringify(key)}`)] = parent[key];
    delete parent[key];
  }
  if (change.key !== undefined && !Array.isArray(parent)) {
    parent[mark(JSON.stringify(change.key))] = parent[key];
    delete parent[key];
  }
  if (change.remove) {
    if (Array.isArray(parent)) parent.splice(Number(key), 1);
    else delete parent[key];
  }
}

export function jsonChanges(): fc.Arbitrary<readonly JsonChange[]> {
  const path = fc.array(fc.nat({ max: 5000 }), { maxLength: 6 });
  const change: fc.Arbitrary<JsonChange> = fc.oneof(
    { weight: 6, arbitrary: fc.record({ path, value: fc.constantFrom(...Object.keys(hostileValues)) }) },
    { weight: 1, arbitrary: fc.record({ path, key: fc.constantFrom(...hostileKeys) }) },
    { weight: 1, arbitrary: fc.record({ path, remove: fc.constant<true>(true) }) },
    { weight: 1, arbitrary: fc.record({ path, twice: fc.constant<true>(true) }) },
  );
  return fc.array(change, { minLength: 1, maxLength: 3 });
}
