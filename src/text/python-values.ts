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
      return `(${reprItems(value)}${(value as readonly unknown[]).length === 1 ? "," : ""})`;
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
