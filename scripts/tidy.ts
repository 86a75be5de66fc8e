/**
 * Checks what the linter cannot: that each file says what it owns, and leaves nothing for later.
 * Lengths of files and functions, and all else about style, are in biome.json.
 * Usage: `node scripts/tidy.ts` prints each breach and exits with 1 when there is one.
 */
import { globSync, readFileSync } from "node:fs";
import { basename } from "node:path";

const headerCharsMin = 20;

/** What is untidy about one file's text. */
export function untidiness(file: string, text: string): string[] {
  const found: string[] = [];
  const header = /^(?:#!.*\n)?\/\*\*([\s\S]*?)\*\//.exec(text)?.[1] ?? "";
  if (header.length < headerCharsMin) {
    found.push(
      `${file}: must open with a /** … */ header of a sentence or two: what it owns, its invariant`,
    );
  }
  // Written so that this line does not find itself.
  const later = /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/.exec(text);
  if (later !== null)
    found.push(`${file}: ${later[0]} is not left in the code; do it, or open an issue`);
  if (/^utils?\.ts$/.test(basename(file))) found.push(`${file}: name the file after what it owns`);
  return found;
}

if (import.meta.main) {
  const files = globSync(["{src,test,scripts}/**/*.{ts,mjs}", "*.ts"]);
  const found = files.sort().flatMap((file) => untidiness(file, readFileSync(file, "utf8")));
  for (const line of found) console.error(line);
  process.exitCode = found.length > 0 ? 1 : 0;
}
