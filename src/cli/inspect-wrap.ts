import stringWidth from "string-width";

/**
 * Breaks a text into lines: between words, and between Chinese characters, but not before their punctuation. What stands in backticks
 * stays in one piece, so that it can be copied.
 *
 * @param width - columns of a line, its indentation included
 * @param indent - stands before every line but the first
 * @param first - stands before the first line
 */
export function wrapText(text: string, width: number, indent = "", first: string = indent): string {
  const lines: string[] = [];
  let line = first;
  let isEmpty = true;
  let gap = "";
  for (const piece of text.match(pieces) ?? []) {
    if (/^\s+$/.test(piece)) {
      gap = " ";
      continue;
    }
    if (!isEmpty && stringWidth(line + gap + piece) > width) {
      lines.push(line);
      line = indent + piece;
    } else line += (isEmpty ? "" : gap) + piece;
    isEmpty = false;
    gap = "";
  }
  lines.push(line);
  return lines.join("\n");
}

const ideographs = "\\u2e80-\\u2fff\\u3040-\\u9fff";
/** Chinese marks: ( 「 《 “ and , 。 ; : 、 ! ? ) 」 》 ”. Opening ones go with what follows them, closing ones with what stands before. */
const opening = "\\uff08\\u300c\\u300a\\u201c";
const closing = "\\uff0c\\u3002\\uff1b\\uff1a\\u3001\\uff01\\uff1f\\uff09\\u300d\\u300b\\u201d";
const pieces = new RegExp(
  `\\s+|[${opening}(]*(?:\`[^\`]*\`|[${ideographs}]|[^\\s\`${ideographs}${opening}${closing}]+)[${closing},.;:!?)]*|.`,
  "gu",
);
