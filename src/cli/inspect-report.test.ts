import { expect, test } from "vitest";
import { reportFindings } from "./inspect-report.ts";

test("findings quote files, and nothing of these is a command to the terminal", () => {
  const finding = () => ({ message: 'unknown "\u009b2J\u202e"', fix: "remove\n\u001b[2J" });
  const warnings = [{ level: "warning" }] as const;
  const text = reportFindings({ warnings }, { noFindings: "", fix: "", finding }, 80);
  expect(text).toContain('unknown "\ufffd2J\ufffd"');
  expect(text).toContain("remove \ufffd[2J");
  expect(text).not.toMatch(/[\u009b\u202e]/);
});
