/**
 * How AGQ's lists, which have offsets, are read from Sluice's, which have cursors.
 * Invariant: a list that is longer than it may be looked through, or whose pages would be too much to hold, is told so, and never cut in silence.
 */
import type { CommandInputs, CommandReplies } from "../../contract/commands.ts";
import type { JsonText } from "../../contract/json.ts";
import { limits } from "../../contract/limits.ts";
import { type Page, REACH_MAX } from "./arguments.ts";
import { type AgqContext, AgqError, textOfReply, unless } from "./command.ts";

interface Lists {
  readonly "action.list": "actions";
  readonly "job.list": "jobs";
  readonly "plan.list": "plans";
  readonly "worker.list": "workers";
}
type ListName = keyof Lists;
type Items<N extends ListName> = CommandReplies[N][Lists[N] & keyof CommandReplies[N]];
type Item<N extends ListName> = Items<N> extends readonly (infer T)[] ? T : never;

const members: Lists = {
  "action.list": "actions",
  "job.list": "jobs",
  "plan.list": "plans",
  "worker.list": "workers",
};

/** A page of a list: its items, what they were read from, for those that need raw texts, and where it goes on. */
interface ListPage<T> {
  readonly items: readonly T[];
  readonly text: JsonText;
  readonly cursor: string | undefined;
}

/** How many items are wanted, and behind which cursor. */
interface Part {
  readonly first?: number | undefined;
  readonly cursor?: string | undefined;
}

/**
 * The pages of a list, one after the other, up to so many items; all of them where no number is given, and whoever then asks for more than may be
 * looked through is told so.
 */
export async function* pagesOf<N extends ListName>(
  context: AgqContext,
  name: N,
  input: Omit<CommandInputs[N], "cursor" | "limit">,
  part: Part = {},
): AsyncGenerator<ListPage<Item<N>>> {
  const { first = REACH_MAX } = part;
  checkReach(first);
  let { cursor } = part;
  let seen = 0;
  let chars = 0;
  do {
    const page = { limit: Math.min(limits.pageJobsMax, first - seen), ...(cursor && { cursor }) };
    const asked = { ...input, ...page } as CommandInputs[N];
    const text = await unless(textOfReply(context, name, asked), "queue_unknown");
    if (text === undefined) return;
    chars += text.length;
    if (chars > limits.redisAnswerBytesMax) throw tooLong();
    const reply = JSON.parse(text) as CommandReplies[N] & { readonly cursor?: string };
    const items = (reply as unknown as Readonly<Record<string, readonly Item<N>[]>>)[members[name]];
    if (items === undefined) throw new Error(`${name} has no list`);
    cursor = reply.cursor;
    yield { items, text, cursor };
    seen += items.length;
  } while (cursor !== undefined && seen < first);
  if (cursor !== undefined && part.first === undefined) throw tooFar();
}

/** The first items of a list, up to so many; all of them where no number is given, and a list of too many is an error then. */
export async function listed<N extends ListName>(
  context: AgqContext,
  name: N,
  input: Omit<CommandInputs[N], "cursor" | "limit">,
  first?: number,
): Promise<Item<N>[]> {
  const pages = pagesOf(context, name, input, { first });
  return (await Array.fromAsync(pages, ({ items }) => items)).flat() as Item<N>[];
}

/** Throws where a list is to be looked through further than it may be. */
export function checkReach(end: number): void {
  if (end > REACH_MAX) throw tooFar();
}

const OVER_HTTP = "use the lists of the HTTP API";

const tooFar = (): AgqError =>
  new AgqError(`This looks through at most ${REACH_MAX} elements: ${OVER_HTTP}`);

const tooLong = (): AgqError =>
  new AgqError(
    `This looks through at most ${limits.redisAnswerBytesMax} characters of what is told of its elements: ${OVER_HTTP}`,
  );

/** A page of what is here already. */
export const pageOf = <T>(all: readonly T[], { offset, limit }: Page): readonly T[] =>
  all.slice(offset, offset + limit);
