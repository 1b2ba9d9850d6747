/** A stream of pseudo-random numbers. */
export interface Random {
  /** The next number, uniform in [0, 1), with 53 random bits. */
  next(): number;
}

/**
 * A small generator that gives the same numbers on every platform: xoshiro128**, its state filled from the seed by
 * splitmix64. Integer arithmetic only. Not for cryptography.
 *
 * @param seed - a safe integer of at least 0
 * @see Blackman and Vigna 2021, https://prng.di.unimi.it/xoshiro128starstar.c and https://prng.di.unimi.it/splitmix64.c
 */
export function createRandom(seed: number): Random {
  const nextWord = xoshiro128StarStar(expandSeed(seed));
  return {
    next: () => {
      const high = nextWord() >>> 5; // 27 bits
      const low = nextWord() >>> 6; // 26 bits
      return (high * 2 ** 26 + low) / 2 ** 53;
    },
  };
}

/** A seed from the platform's source of randomness: a whole number below 2^53. */
export function randomSeed(): number {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  return (high! >>> 11) * 2 ** 32 + low!;
}

/** The generator's 32-bit outputs from four words of state, not all of them 0. */
export function xoshiro128StarStar(state: readonly [number, number, number, number]): () => number {
  let [a, b, c, d] = state;
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = rotateLeft(d, 11);
    return result;
  };
}

/** Four words of state: two outputs of splitmix64, low words first. At most one of its outputs is 0, so never all. */
export function expandSeed(seed: number): [number, number, number, number] {
  let state = BigInt(seed);
  const next = (): bigint => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = state;
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return mixed ^ (mixed >> 31n);
  };
  const first = next();
  const second = next();
  return [lowWord(first), lowWord(first >> 32n), lowWord(second), lowWord(second >> 32n)];
}

function lowWord(value: bigint): number {
  return Number(BigInt.asUintN(32, value));
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
