/**
 * The incarnations that entries bear: each life of the object has a greater one than all before it.
 */
import type { Instance } from "./instance.ts";
import type { State } from "./model/state.ts";
import { demand, same } from "./violation.ts";

/** Looks at the incarnation of an entry, which is from then on that of its instance. */
export function checkIncarnation(
  current: Instance | undefined,
  state: State,
  incarnation: number,
): void {
  if (current?.incarnation === undefined) {
    demand(incarnation > state.incarnation, "I14", "a new incarnation", incarnation);
  } else {
    same("I14", "the incarnation", incarnation, current.incarnation);
  }
  if (current !== undefined) current.incarnation = incarnation;
  state.incarnation = incarnation;
}
