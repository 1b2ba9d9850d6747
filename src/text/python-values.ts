import { pythonQuote } from "./python-text.ts";

/** A value of a running template, as the library keeps it; what lists and maps hold are such values too. */
export interface TemplateValue {
  /** `StringValue`, `ArrayValue`, ... */
  readonly type: string;
  readonly value: unknown;
}

/**
 * Python's `str()`: the text that a template writes for a value. What is undefined is empty there.
 *
 * @see https://docs.python.org/3/library/stdtypes.html#str
 */
export function pythonString(item: TemplateValue): string {
  if (item.type === "StringValue") return item.value as string;
  return item.type === "UndefinedValue" ? "" : pythonRepr(item);
}

/**
 * Python's `==`: lists and maps are compared by what they hold, 1, 1.0 and True are equal, and what is undefined is equal to nothing else.
 *
 * @see https://docs.python.org/3/reference/expressions.html#value-comparisons
 */
export function pythonEquals(left: TemplateValue, right: TemplateValue): boolean {
  const [a, b] = [left.value, right.value];
  if (Array.isArray(a) && Array.isArray(b)) {
    return a.length === b.length && a.every((item, index) => pythonEquals(item, b[index]));
  }
  if (left.type === "ObjectValue" && right.type === "ObjectValue") {
    const [entries, others] = [a, b] as readonly ReadonlyMap<string, TemplateValue>[];
    return (
      entries!.size === others!.size &&
      [...entries!].every(([key, item]) => others!.has(key) && pythonEquals(item, others!.get(key)!))
    );
  }
  // The library keeps nothing for None and for what is undefined.
  if (a === undefined && b === undefined) return left.type === right.type;
  const number = (value: unknown): unknown => (typeof value === "boolean" ? Number(value) : value);
  return number(a) === number(b);
}

function pythonRepr(item: TemplateValue): string {
  const { type, value } = item;
  switch (type) {
    case "StringValue":
      return pythonQuote(value as string);
    case "BooleanValue":
      return value === true ? "True" : "False";
    case "NullValue":
      return "None";
    case "UndefinedValue":
      return "Undefined";
    case "ArrayValue":
      return `[${reprItems(value)}]`;
    case "TupleValue":
      return `(${reprItems(value)})`; // of two and more: the library reads no others
    case "ObjectValue": {
      const entries = [...(value as ReadonlyMap<string, TemplateValue>)];
      return `{${entries.map(([key, entry]) => `${pythonQuote(key)}: ${pythonRepr(entry)}`).join(", ")}}`;
    }
    default:
      return String(item); // numbers
  }
}

function reprItems(items: unknown): string {
  return (items as readonly TemplateValue[]).map(pythonRepr).join(", ");
}
