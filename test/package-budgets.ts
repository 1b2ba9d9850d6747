/**
 * What the package may cost those who use it. Raising one of these is a decision: say why in the commit. Bytes are of files as they lie
 * on the disk, not of blocks; `gzip` is what a page's visitors download.
 */
export const budgets = {
  /** The package and everything that is installed with it, the embedded model included. */
  installedBytes: 7_500_000,
  /** The same without the embedded model. */
  installedBytesWithoutModel: 2_500_000,
  /** Packages that are installed with it. */
  installedPackages: 2,
  /** Scripts of a page that loads a model, workers included, minified by a bundler. */
  browserBytes: 300_000,
  browserGzipBytes: 100_000,
  /** What `import "skein"` reads. */
  importedBytes: 150_000,
  importedFiles: 8,
  /** The quickest of some runs; most of a run is the machine's noise. */
  importMilliseconds: 100,
  /** What `import "skein/position"` reads. */
  positionBytes: 40_000,
} as const;
