/** Looks for stop texts in a stream of text. */
export interface StopMatcher {
  /** @returns the text that can be shown: all of it up to a stop text, less what may be the beginning of one */
  readonly push: (text: string) => string;
  /** @returns what was held back, at the end of the stream */
  readonly flush: () => string;
  /** Whether a stop text was found; nothing is shown after that. */
  readonly stopped: boolean;
}

/**
 * @param stop - the stop texts; the one that begins first ends the stream
 */
export function createStopMatcher(stop: readonly string[]): StopMatcher {
  const longest = Math.max(0, ...stop.map((text) => text.length));
  let held = "";
  let stopped = false;
  return {
    push: (text) => {
      if (stopped) return "";
      held += text;
      const found = stop.map((text) => held.indexOf(text)).filter((index) => index >= 0);
      if (found.length > 0) {
        stopped = true;
        const shown = held.slice(0, Math.min(...found));
        held = "";
        return shown;
      }
      const keep = possibleBeginning(held, stop, longest);
      const shown = held.slice(0, held.length - keep);
      held = held.slice(held.length - keep);
      return shown;
    },
    flush: () => {
      const rest = held;
      held = "";
      return rest;
    },
    get stopped() {
      return stopped;
    },
  };
}

/** @returns the length of the longest end of `text` that begins a stop text */
function possibleBeginning(text: string, stop: readonly string[], longest: number): number {
  for (let length = Math.min(text.length, longest - 1); length > 0; length--) {
    const end = text.slice(text.length - length);
    if (stop.some((candidate) => candidate.startsWith(end))) return length;
  }
  return 0;
}
