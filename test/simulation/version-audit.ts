/**
 * Whether the versions that callers are told of names are others whenever a name has changed, and the same while it has not.
 * Invariant: only what was told is remembered, which no crash takes back.
 */
import type { CommandAnswer } from "../../src/contract/rpc.ts";
import { standingOf } from "./model/names.ts";
import type { Turn } from "./model/turn.ts";
import { same } from "./violation.ts";

const rule = "version";

export class VersionAudit {
  /** By name and version. */
  readonly #standings = new Map<string, string>();
  /** By name and standing. */
  readonly #versions = new Map<string, number>();

  /** What a name was when it had a version that somebody was told; undefined where nobody was. */
  standing(name: string, version: number): string | undefined {
    return this.#standings.get(`${version} ${name}`);
  }

  /** The judge of an answer that is decided now. */
  judgeOf(turn: Pick<Turn, "state" | "at">, names: readonly string[]) {
    const standings = names.map((name) => standingOf(turn, name));
    return (answer: CommandAnswer): void => {
      same(rule, "versions are told", "reply" in answer, true);
      if (!("reply" in answer)) return;
      const { versions } = JSON.parse(answer.reply) as { readonly versions: readonly number[] };
      same(rule, "one for each name", versions.length, names.length);
      for (const [i, name] of names.entries())
        this.#take(name, versions[i] ?? 0, standings[i] ?? "");
    };
  }

  #take(name: string, version: number, standing: string): void {
    const known = this.standing(name, version) ?? standing;
    same(rule, `${name} had version ${version} before, and was the same`, standing, known);
    const of = `${standing} ${name}`;
    const before = this.#versions.get(of) ?? version;
    same(rule, `${name} has not changed, and its version has not`, version, before);
    this.#standings.set(`${version} ${name}`, standing);
    this.#versions.set(of, version);
  }
}
