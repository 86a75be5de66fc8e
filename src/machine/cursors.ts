/**
 * Cursors of lists that go by one id: the last id that was looked at, sealed with the queue and the list it is of.
 * Invariant: a cursor of another list, queue or term is refused, and a forged one reaches no table.
 */
import { hash52 } from "../contract/hash.ts";
import { JOB_ID } from "../contract/ids.ts";
import { limits } from "../contract/limits.ts";
import { type Refusal, refuse } from "../contract/refusals.ts";
import type { View } from "./decide.ts";

export const cursorInvalid = refuse(
  "cursor_invalid",
  "The cursor is not of this list of this queue: begin again without one.",
);

/** A list's name may hold what its caller wrote, of any length and in any script, which base64 and a cursor do not take. */
const nameOf = (list: string): string => hash52(list).toString(36);

const encode = ({ identity }: View, list: string, id: string): string =>
  btoa(
    [identity.queueId, identity.term, nameOf(list), encodeURIComponent(id)].join("\n"),
  ).replaceAll("=", "");

/** The id behind which a list goes on; undefined at its beginning. */
function placeOf(
  { identity }: View,
  list: string,
  cursor: string | undefined,
  isId: (id: string) => boolean,
) {
  if (cursor === undefined) return undefined;
  try {
    const [queueId, term, name, place = ""] = atob(cursor).split("\n");
    const id = decodeURIComponent(place);
    const isOfQueue = queueId === identity.queueId && term === String(identity.term);
    const isOwn = isOfQueue && name === nameOf(list);
    return isOwn && isId(id) ? id : cursorInvalid;
  } catch {
    // What is not even base64, or not of this form, is no cursor of ours either.
    return cursorInvalid;
  }
}

const isJobId = (id: string): boolean => JOB_ID.test(id);

interface PageOf<Row, Item> {
  readonly list: string;
  readonly cursor: string | undefined;
  readonly limit: number | undefined;
  /** What may stand in a cursor; ids of jobs and their like, unless it is said. */
  readonly isId?: (id: string) => boolean;
  /** The rows behind an id, or from the beginning. */
  readonly rows: (after: string | undefined) => Iterable<readonly [readonly [string], Row]>;
  /** What an item takes in the reply, where that may be much. */
  readonly bytesOf?: (item: Item) => number;
  /** What a row is shown as; undefined for one that is not meant. */
  readonly show: (id: string, row: Row) => Item | undefined;
}

/** About how many characters a row has, its texts among them. */
function unitsOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 8;
  let units = 0;
  for (const name in value) {
    units += name.length + unitsOf((value as Record<string, unknown>)[name]);
  }
  return units;
}

/** What a page has looked at so far: so many rows, of so many characters. */
export class Examined {
  #rows = 0;
  #units = 0;

  add(row: unknown): void {
    this.#rows += 1;
    this.#units += unitsOf(row);
  }

  /** Whether that is as much as a page may look at. */
  get isEnough(): boolean {
    return this.#rows >= limits.pageScanMax || this.#units >= limits.pageScanUnits;
  }
}

/** A page of a list: a bounded number and size of rows is looked at, and only an absent cursor means the end. */
export function pageOf<Row, Item>(
  view: View,
  { list, cursor, limit = 100, rows, show, isId = isJobId, bytesOf = () => 0 }: PageOf<Row, Item>,
): { readonly items: readonly Item[]; readonly cursor?: string } | Refusal {
  const after = placeOf(view, list, cursor, isId);
  if (typeof after === "object") return after;
  const items: Item[] = [];
  const examined = new Examined();
  let bytes = 0;
  let last = "";
  for (const [[id], row] of rows(after)) {
    if (items.length >= limit || examined.isEnough) {
      return { items, cursor: encode(view, list, last) };
    }
    const item = show(id, row);
    bytes += item === undefined ? 0 : bytesOf(item);
    if (bytes > limits.replyBytesMax && items.length > 0) {
      return { items, cursor: encode(view, list, last) };
    }
    if (item !== undefined) items.push(item);
    examined.add(row);
    last = id;
  }
  return { items };
}
