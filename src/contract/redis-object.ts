/**
 * The subcommands of OBJECT.
 * Invariant: an unknown one, or one with too few or too many words, is told before anything else is looked at, also where a transaction is open.
 */
import { shown, wrongArity } from "./redis-commands.ts";

/** Words of a call, OBJECT among them, by its subcommand. */
const wordsOf = new Map<string, number>([
  ["encoding", 3],
  ["freq", 3],
  ["help", 2],
  ["idletime", 3],
  ["refcount", 3],
]);

/** Why nothing performs a call of OBJECT; undefined of one that is as it should be. */
export function whyNoObject(call: readonly string[]): string | undefined {
  const [, said = ""] = call;
  const word = said.toLowerCase();
  const words = wordsOf.get(word);
  if (words === undefined) return `ERR unknown subcommand '${shown(said)}'. Try OBJECT HELP.`;
  return call.length === words ? undefined : wrongArity(`object|${word}`);
}
