/**
 * Redis commands drawn at random from patterns.
 * Invariant: the same random numbers give the same commands. A pattern is words between spaces: `[…]` is there half of the time, `{a|b}`
 * is one of several, `<…>` comes one to three times, and a word that begins with `$` is drawn from its own stock.
 */
import type { Random } from "../simulation/random.ts";

/** Where the words come from that begin with `$`. */
const stocks: Readonly<Record<string, readonly [string, ...string[]]>> = {
  // Names by what they mostly name, and any.
  $s: ["s1", "s2", "s3", "s\0\xff", ""],
  $l: ["l1", "l2", "l3"],
  $h: ["h1", "h2"],
  $z: ["z1", "z2", "z3"],
  $e: ["e1", "e2", "e3"],
  $k: ["s1", "s2", "l1", "l2", "h1", "z1", "z2", "e1", "e2", "none"],
  $v: ["a", "b", "c", "", "10", "-7", "3.25", "\0\x01\xfe", "é", "\xc3\xa9", "=x", "hello world"],
  $m: ["a", "b", "c", "d", "e", "f", "", "A", "\0", "\xff", "ab", "abc", "b1", "10", "9"],
  $int: [
    "0",
    "1",
    "-1",
    "5",
    "10",
    "9223372036854775807",
    "-9223372036854775808",
    "-9223372036854775807",
    "x",
    "1.5",
    "01",
  ],
  $by: ["1", "-1", "3", "100", "-12", "9223372036854775807", " 1", "+1"],
  $f: [
    "0.1",
    "3",
    "-2.5",
    "1e3",
    "5.0e3",
    "0.2",
    "10.75",
    "inf",
    "-inf",
    "nan",
    "",
    "1e-7",
    "x",
    "0x1p-3",
    "-0X.8",
  ],
  $d: [
    "0",
    "1",
    "2",
    "3",
    "-1",
    "1.5",
    "0.1",
    "-0",
    "inf",
    "-inf",
    "1e20",
    "x",
    "3.3",
    "0x1.8p1",
    "-0x2",
    "0x1p-1080",
    "0xp",
    // Halfway between two that are written.
    "1700000000.00390625",
    "1.00000762939453125",
    "-2.98023223876953125e-08",
  ],
  $i: ["0", "1", "2", "3", "-1", "-2", "-3", "5", "-100", "100", "x"],
  $n: ["0", "1", "2", "3", "-1", "-2", "10", "x"],
  $p: ["1", "2", "3"],
  $off: ["0", "1", "5", "11", "-1"],
  $far: ["100000", "200000", "300000", "0", "-1", "x", "9223372036854775807"],
  $at: ["40000000000", "40000100000", "1", "-5"],
  $atms: ["40000000000000", "40000100000000", "1"],
  $glob: ["*", "**", "*?*", "a*", "?", "[a-c]*", "*\xff", "l?", "[^s]*", "\\a"],
  $min: ["-inf", "0", "1", "(1", "2", "(2", "-1", "1.5", "x", "0x2", "0x1p2000"],
  $max: ["inf", "+inf", "3", "(3", "2", "1", "(x", "100"],
  $lmin: ["-", "[a", "(a", "[b", "[", "+", "x"],
  $lmax: ["+", "[c", "(c", "[f", "(b", "-", "["],
  $w: ["1", "2", "-1", "0.5", "inf", "x"],
  $w0: ["0", "1", "-1", "inf", "-inf"],
  $cursor: ["0", "", "x", "\0", " 0", "-", "99999999999999999999", "18446744073709551616"],
  $any: [
    "",
    ...["0", "1", "-1", "2", "10", "-5", "01", "+1", " 1", "1.5", "1e400", "nan", "inf", "-inf"],
    ...["9223372036854775808", "-9223372036854775808", "99999999999999999999", "\0", "a\r\n"],
    ...[
      "a",
      "b",
      "*",
      "[",
      "[a",
      "(1",
      "(a",
      "-",
      "+",
      "NX",
      "xx",
      "Get",
      "GT",
      "LT",
      "CH",
      "INCR",
    ],
    ...[
      "EXAT",
      "PXAT",
      "KEEPTTL",
      "PERSIST",
      "LIMIT",
      "WITHSCORES",
      "withvalues",
      "REV",
      "BYSCORE",
    ],
    ...[
      "BYLEX",
      "COUNT",
      "MATCH",
      "TYPE",
      "LEFT",
      "right",
      "BEFORE",
      "MIN",
      "Max",
      "WEIGHTS",
      "DB",
    ],
    ...["AGGREGATE", "SUM", "REPLACE", "ENCODING", "FREQ"],
  ],
  $junk: ["x", "", "NX", "1", "COUNT", "LIMIT", "WITHSCORES", "GET", "a"],
};

/** Draws one command by a pattern. */
export function drawCommand(random: Random, pattern: string): string[] {
  const call = new Pattern(random, pattern).draw();
  // Not of a scan: a cursor of chance leads anywhere.
  const isMeant = !random.chance(0.02) || call.length < 2 || /SCAN$/.test(call[0] ?? "");
  if (isMeant) return call;
  // Now and then something is missing, or too much.
  const at = random.between(1, call.length - 1);
  const junk = stocks["$junk"] as readonly [string, ...string[]];
  const change = random.below(3);
  if (change === 0) call.splice(at, 1);
  else if (change === 1) call.splice(at + 1, 0, random.pick(junk));
  else call[at] = random.pick(junk);
  return call;
}

class Pattern {
  readonly #random: Random;
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(random: Random, pattern: string) {
    this.#random = random;
    this.#tokens = pattern.match(/[[\]{}|<>]|[^[\]{}|<>\s]+/g) ?? [];
  }

  draw(): string[] {
    return this.#sequence();
  }

  #sequence(): string[] {
    const words: string[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token === undefined || "]}>|".includes(token)) return words;
      this.#at += 1;
      if (token === "[") words.push(...this.#optional());
      else if (token === "{") words.push(...this.#alternative());
      else if (token === "<") words.push(...this.#repeated());
      else words.push(this.#word(token));
    }
  }

  #optional(): string[] {
    const words = this.#sequence();
    this.#at += 1;
    return this.#random.chance(0.5) ? words : [];
  }

  #alternative(): string[] {
    const all = [this.#sequence()];
    while (this.#tokens[this.#at] === "|") {
      this.#at += 1;
      all.push(this.#sequence());
    }
    this.#at += 1;
    return this.#random.pickFrom(all) ?? [];
  }

  #repeated(): string[] {
    const start = this.#at;
    const words: string[] = [];
    for (let times = this.#random.between(1, 3); times > 0; times -= 1) {
      this.#at = start;
      words.push(...this.#sequence());
    }
    this.#at += 1;
    return words;
  }

  #word(token: string): string {
    const stock = stocks[token];
    return stock === undefined ? token : this.#random.pick(stock);
  }
}
