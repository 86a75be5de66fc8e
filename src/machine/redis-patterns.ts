/**
 * Patterns of Redis commands: which names and elements they take, in a time that is bounded for a call as a whole.
 * Invariant: what a pattern takes is what Redis 7.0.15 takes by it.
 */

import { type ComparedAgain, matcher } from "../contract/glob.ts";
import { limits } from "../contract/limits.ts";
import { RedisError } from "./redis-call.ts";

/** Bounds what one call compares once more, with all of its texts. */
export function comparedAgain(command: string): ComparedAgain {
  let left: number = limits.redisComparedAgainMax;
  return (characters) => {
    left -= characters;
    if (left < 0) {
      throw new RedisError(
        `ERR '${command}' would compare too long with its pattern: say more before its first '*', or use fewer`,
      );
    }
  };
}

/** Which texts, of up to so many bytes, a command tells; exactly `*` is no pattern, and takes the empty one as well. */
export function selection(
  command: string,
  pattern: string,
  longest: number,
): (text: string) => boolean {
  if (pattern === "*") return () => true;
  const isTaken = matcher(pattern, longest);
  const again = comparedAgain(command);
  return (text) => isTaken(text, again);
}
