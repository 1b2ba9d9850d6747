/** @returns numbers in [0, 1), the same for a seed everywhere: mulberry32 */
export function createRandom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** @returns a seed that differs for every list of parts, and is the same for the same one: FNV-1a of their text */
export function seedOf(...parts: readonly (string | number)[]): number {
  let hash = 0x811c9dc5;
  for (const character of parts.join("/")) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193);
  return hash >>> 0;
}

/** @returns a whole number from `from` to before `to` */
export function pickWhole(random: () => number, from: number, to: number): number {
  return from + Math.floor(random() * (to - from));
}

/** @returns another order of the same things: Fisher and Yates */
export function shuffled<T>(random: () => number, things: readonly T[]): T[] {
  const order = [...things];
  for (let last = order.length - 1; last > 0; last--) {
    const other = pickWhole(random, 0, last + 1);
    [order[last], order[other]] = [order[other]!, order[last]!];
  }
  return order;
}
