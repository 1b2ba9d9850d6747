/** Languages that reports can be written in. */
export const languages = ["en", "zh"] as const;
export type Language = (typeof languages)[number];
