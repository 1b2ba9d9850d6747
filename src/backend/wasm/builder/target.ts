/**
 * The variants of the kernels: `relaxed` for engines with relaxed SIMD, whose multiplications and additions are fused; `pairs`, the same for processors
 * that cannot multiply and add up four bytes in one instruction; `plain` for engines without relaxed SIMD.
 */
export const kernelVariants = ["relaxed", "pairs", "plain"] as const;

/** One of {@link kernelVariants}. */
export type KernelVariant = (typeof kernelVariants)[number];

/** What a module is built for. */
export interface Target {
  readonly variant: KernelVariant;
  /** i64: weights and cache lie in a memory of their own, which may go beyond 4 GiB. */
  readonly address: "i32" | "i64";
}

/** All that there are. */
export const allTargets: readonly Target[] = (["i32", "i64"] as const).flatMap((address) =>
  kernelVariants.map((variant) => ({ variant, address })),
);
