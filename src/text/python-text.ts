/**
 * Python's `str.strip`, `lstrip` and `rstrip`: white space by Python's definition, which differs from JavaScript's `trim`
 * in U+FEFF, U+0085 and U+001C to U+001F; or the characters given, as a set.
 *
 * @see https://docs.python.org/3/library/stdtypes.html#str.strip
 */
export function pythonStrip(text: string, characters: string | null, side: "both" | "left" | "right"): string {
  const set = characters === null ? null : new Set(characters);
  const strips = (character: string): boolean => set?.has(character) ?? isPythonWhiteSpace(character);
  let start = 0;
  let end = text.length;
  while (side !== "right" && start < end) {
    const character = String.fromCodePoint(text.codePointAt(start)!);
    if (!strips(character)) break;
    start += character.length;
  }
  while (side !== "left" && end > start) {
    const isPair = end - start >= 2 && text.codePointAt(end - 2)! > 0xffff;
    const character = text.slice(end - (isPair ? 2 : 1), end);
    if (!strips(character)) break;
    end -= character.length;
  }
  return text.slice(start, end);
}

/**
 * Python's `repr()` of a text. Private-use characters, which Python escapes, stay: they may mark control tokens.
 *
 * @see https://docs.python.org/3/library/stdtypes.html#str.isprintable
 */
export function pythonQuote(text: string): string {
  const mark = text.includes("'") && !text.includes('"') ? '"' : "'";
  const escaped = text.replaceAll("\\", "\\\\").replaceAll(mark, `\\${mark}`);
  return mark + escaped.replace(/(?! )[\p{Cc}\p{Cf}\p{Cs}\p{Cn}\p{Z}]/gu, escapeCharacter) + mark;
}

/**
 * Python's `strftime` in the C locale, for the directives that chat templates use; others stay as they are.
 *
 * @see https://docs.python.org/3/library/datetime.html#strftime-and-strptime-format-codes
 */
export function pythonStrftime(date: Date, format: string): string {
  return format.replace(/%(.)/gs, (directive, name: string) => DIRECTIVES.get(name)?.(date) ?? directive);
}

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

const DIRECTIVES: ReadonlyMap<string, (date: Date) => string> = new Map<string, (date: Date) => string>([
  ["Y", (date) => String(date.getFullYear())],
  ["y", (date) => twoDigits(date.getFullYear() % 100)],
  ["m", (date) => twoDigits(date.getMonth() + 1)],
  ["d", (date) => twoDigits(date.getDate())],
  ["B", (date) => MONTHS[date.getMonth()]!],
  ["b", (date) => MONTHS[date.getMonth()]!.slice(0, 3)],
  ["A", (date) => DAYS[date.getDay()]!],
  ["a", (date) => DAYS[date.getDay()]!.slice(0, 3)],
  ["H", (date) => twoDigits(date.getHours())],
  ["I", (date) => twoDigits(date.getHours() % 12 || 12)],
  ["p", (date) => (date.getHours() < 12 ? "AM" : "PM")],
  ["M", (date) => twoDigits(date.getMinutes())],
  ["S", (date) => twoDigits(date.getSeconds())],
  ["%", () => "%"],
]);

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0)!;
  const digits = code > 0xffff ? 8 : code > 0xff ? 4 : 2;
  return ESCAPES.get(character) ?? `\\${{ 8: "U", 4: "u", 2: "x" }[digits]}${code.toString(16).padStart(digits, "0")}`;
}

function isPythonWhiteSpace(character: string): boolean {
  const code = character.charCodeAt(0);
  return (code >= 0x1c && code <= 0x1f) || code === 0x85 || (code !== 0xfeff && /\s/.test(character));
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
