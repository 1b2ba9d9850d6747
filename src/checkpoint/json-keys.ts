/**
 * The first key that stands twice in the same object of a JSON text, or `undefined`. `JSON.parse` keeps only the last
 * of them, so that a file could show one thing to Skein and another to other readers.
 *
 * @param json - text that `JSON.parse` accepts
 */
export function findDuplicateKey(json: string): string | undefined {
  // One entry for each object or array that is open; only objects have keys.
  const open: (Set<string> | undefined)[] = [];
  let position = 0;
  while (position < json.length) {
    const character = json[position]!;
    if (character === "{") open.push(new Set());
    else if (character === "[") open.push(undefined);
    else if (character === "}" || character === "]") open.pop();
    else if (character === '"') {
      const end = endOfString(json, position);
      const keys = open.at(-1);
      if (keys !== undefined && isFollowedByColon(json, end)) {
        // Escapes are resolved first: "a" and "\u0061" are the same key.
        const key: string = JSON.parse(json.slice(position, end));
        if (keys.has(key)) return key;
        keys.add(key);
      }
      position = end;
      continue;
    }
    position += 1;
  }
  return undefined;
}

/** The position after the closing quote of the string that starts at `start`. */
function endOfString(json: string, start: number): number {
  let position = start + 1;
  while (position < json.length && json[position] !== '"') position += json[position] === "\\" ? 2 : 1;
  return position + 1;
}

/** In an object, a string before a colon is a key; any other is a value. */
function isFollowedByColon(json: string, position: number): boolean {
  let next = position;
  while (/[ \t\n\r]/.test(json[next] ?? "")) next += 1;
  return json[next] === ":";
}
