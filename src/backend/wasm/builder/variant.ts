/**
 * The variants of the kernels: `relaxed` for engines with relaxed SIMD, whose multiplications and additions are fused; `pairs`, the same for processors
 * that cannot multiply and add up four bytes in one instruction; `plain` for engines without relaxed SIMD.
 */
export const kernelVariants = ["relaxed", "pairs", "plain"] as const;

/** One of {@link kernelVariants}. */
export type KernelVariant = (typeof kernelVariants)[number];
