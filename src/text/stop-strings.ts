/** Looks for stop texts in a stream of text. */
export interface StopMatcher {
  /**
   * @param ahead - what follows the text and is not to be shown yet: it may complete a stop text, and is pushed again when it may be shown
   * @returns the text that can be shown: all of it up to a stop text, less what may be the beginning of one
   */
  readonly push: (text: string, ahead?: string) => string;
  /** @returns what was held back, at the end of the stream */
  readonly flush: () => string;
  /** Whether a stop text was found; nothing is shown after that. */
  readonly stopped: boolean;
}

/**
 * @param stop - the stop texts; the one that begins first ends the stream
 */
export function createStopMatcher(stop: readonly string[]): StopMatcher {
  let held = "";
  let stopped = false;
  return {
    push: (text, ahead = "") => {
      if (stopped) return "";
      held += text;
      const known = held + ahead;
      const found = stop.map((one) => known.indexOf(one)).filter((index) => index >= 0);
      stopped = found.length > 0;
      const end = stopped ? Math.min(...found) : possibleBeginning(held, stop);
      held = stopped ? "" : held.slice(end);
      return known.slice(0, end);
    },
    flush: () => held,
    get stopped() {
      return stopped;
    },
  };
}

/** @returns where the longest end of `text` that begins a stop text begins */
function possibleBeginning(text: string, stop: readonly string[]): number {
  let start = 0;
  while (start < text.length && !stop.some((one) => one.startsWith(text.slice(start)))) start++;
  return start;
}
