/**
 * How AGQ's lists, which have offsets, are read from Sluice's, which have cursors.
 * Invariant: a list that is longer than it may be looked through is told so, and never cut in silence.
 */
import type { CommandInputs, CommandReplies } from "../../contract/commands.ts";
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

/** An item of a list, and the text of what it was read from with its place there, for those that need raw texts. */
export interface Listed<T> {
  readonly item: T;
  readonly text: string;
  readonly index: number;
}

/** The first items of a list, up to so many; all of them where no number is given, and a list of too many is an error then. */
export async function listed<N extends ListName>(
  context: AgqContext,
  name: N,
  input: Omit<CommandInputs[N], "cursor" | "limit">,
  first?: number,
): Promise<Listed<Item<N>>[]> {
  const found: Listed<Item<N>>[] = [];
  const most = first ?? REACH_MAX;
  if (most > REACH_MAX) throw tooFar();
  let cursor: string | undefined;
  while (found.length < most) {
    const page = {
      limit: Math.min(limits.pageJobsMax, most - found.length),
      ...(cursor && { cursor }),
    };
    const asked = { ...input, ...page } as CommandInputs[N];
    const text = await unless(textOfReply(context, name, asked), "queue_unknown");
    if (text === undefined) return [];
    const reply = JSON.parse(text) as CommandReplies[N] & { readonly cursor?: string };
    const items = (reply as unknown as Readonly<Record<string, readonly Item<N>[]>>)[members[name]];
    if (items === undefined) throw new Error(`${name} has no list`);
    for (const [index, item] of items.entries()) found.push({ item, text, index });
    cursor = reply.cursor;
    if (cursor === undefined) return found;
  }
  if (first === undefined) throw tooFar();
  return found;
}

const tooFar = (): AgqError =>
  new AgqError(`This looks through at most ${REACH_MAX} elements: use the lists of the HTTP API`);

/** A page of what is here already. */
export const pageOf = <T>(all: readonly T[], { offset, limit }: Page): readonly T[] =>
  all.slice(offset, offset + limit);
