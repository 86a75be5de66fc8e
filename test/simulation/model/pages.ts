/**
 * Pages of lists that go by ids: so many items, found among so many rows that are looked at.
 * Invariant: only an absent cursor means the end; a cursor holds for one list of one queue.
 */
import { small } from "../small.ts";
import { type Answer, refused } from "./answers.ts";
import type { Place, State } from "./state.ts";

/** What a cursor stands for. */
export interface Cursor {
  readonly queueId: string;
  readonly term: number;
  readonly list: string;
  readonly after: Place;
}

/** A page that is expected: its answer less the cursor, and what the cursor should stand for. */
export interface Page {
  readonly answer: Answer;
  readonly cursor?: Cursor;
}

interface Asked {
  readonly input: { readonly cursor?: string | undefined; readonly limit?: number | undefined };
  /** What the input's cursor stands for; undefined when no list gave it. */
  readonly meaning: Cursor | undefined;
  readonly list: string;
  readonly ids: Iterable<string>;
  /** They are listed in the order in which they are given, not in their own. */
  readonly isInOrder?: boolean;
  /** What is shown of an id; undefined where it is not meant. */
  readonly show: (id: string) => object | undefined;
}

/** Whether a cursor that was given is one of this list of this queue. */
export function isGood({ queue }: State, { input, meaning, list }: Omit<Asked, "ids" | "show">) {
  if (input.cursor === undefined) return true;
  const isOwn = meaning?.queueId === queue?.queueId && meaning?.term === queue?.term;
  return isOwn && meaning?.list === list;
}

/** A page of a list in the order of ids, under the name of what it lists. */
export function pageOf(state: State, now: number, name: string, asked: Asked): Page {
  const { queue } = state;
  if (queue === undefined) throw new Error("the model has no queue");
  if (!isGood(state, asked)) return { answer: refused("cursor_invalid") };
  const { input, meaning, list, show } = asked;
  const from = input.cursor === undefined ? "" : String(meaning?.after[0]);
  const ids = [...asked.ids];
  const behind = asked.isInOrder
    ? ids.slice(ids.indexOf(from) + 1)
    : ids.filter((each) => each > from).toSorted();
  const items: object[] = [];
  let after = "";
  let examined = 0;
  for (const id of behind) {
    if (items.length >= (input.limit ?? 100) || examined >= small.pageScanMax) {
      const { queueId, term } = queue;
      return {
        answer: { reply: { now, [name]: items } },
        cursor: { queueId, term, list, after: [after] },
      };
    }
    const item = show(id);
    if (item !== undefined) items.push(item);
    examined += 1;
    after = id;
  }
  return { answer: { reply: { now, [name]: items } } };
}
