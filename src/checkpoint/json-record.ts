/** Whether a value of JSON is an object. Its fields may be anything, and have any name. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
