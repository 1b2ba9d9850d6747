/**
 * What the package may cost those who use it. Raising one of these is a decision: say why in the commit. Bytes are of files as they lie
 * on the disk, not of blocks; `gzip` is what a page's visitors download.
 */
export const budgets = {
  /** The package and everything that is installed with it, the embedded model included. */
  installedBytes: 4_900_000,
  /** The same without the embedded model. */
  installedBytesWithoutModel: 2_940_000,
  /** Packages that are installed with it. */
  installedPackages: 2,
  /** What a page that loads a model fetches, minified by a bundler: scripts, workers included, and the largest kind of kernels. What it fetches later,
   * with the first conversation, is not counted. */
  browserBytes: 485_000,
  browserGzipBytes: 125_000,
  /** What `import "skein"` reads. */
  importedBytes: 225_000,
  importedFiles: 8,
  /** The quickest of some runs; most of a run is the machine's noise. */
  importMilliseconds: 250,
  /** What `import "skein/position"` reads. */
  positionBytes: 42_000,
} as const;
