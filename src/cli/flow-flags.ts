/**
 * The flags that limit, order and narrow: of a queue, of its keys, of one job, and of lists of ended jobs.
 * Invariant: a word that takes a setting back (`none`, `default`) becomes null, and a flag that is left out changes nothing.
 */
import { type Command, InvalidArgumentError } from "commander";
import type {
  EnqueueOptions,
  KeyChange,
  Parent,
  ParentPolicy,
  QueueConfigChange,
  Rate,
  RedriveInput,
  Unique,
} from "../client/index.ts";
import { JOB_ID } from "../contract/ids.ts";
import { duration, instant, integer, labelFilter, list } from "./values.ts";

/** A rate. @example rate("100/1s/20") // { limit: 100, perMs: 1000, burst: 20 } */
export function rate(word: string): Rate {
  const [, limit = "", per = "", burst] = /^(\d+)\/([^/]+)(?:\/(\d+))?$/.exec(word) ?? [];
  if (limit === "") {
    throw new InvalidArgumentError("Write a rate as 100/1s, or 100/1s/20 with a burst of 20.");
  }
  const perMs = duration(/^\d/.test(per) ? per : `1${per}`);
  const whole = { limit: integer(limit), perMs };
  return burst === undefined ? whole : { ...whole, burst: integer(burst) };
}

/** What a flag says: a value, or null. Wrapped, since commander takes a bare null for an empty text. */
interface Setting<T> {
  readonly value: T | null;
}
const setting =
  <T>(none: string, parse: (word: string) => T) =>
  (word: string): Setting<T> => ({ value: word === none ? null : parse(word) });
const asIs = (word: string): string => word;

type Settings<Names extends string> = { readonly [Name in Names]?: Setting<unknown> };

/** What can be set of a key: its flag, what the flag says, and how that is read. A limit may be none. */
const ofKey = {
  concurrency: {
    flag: "concurrency <n>",
    says: "jobs that run at once",
    read: integer,
    limit: true,
  },
  rate: { flag: "rate <rate>", says: "hand-outs, as 100/1s or 100/1s/20", read: rate, limit: true },
  weight: { flag: "weight <n>", says: "jobs of one turn", read: integer },
  maxBacklog: { flag: "max-backlog <n>", says: "jobs that may wait", read: integer, limit: true },
  order: { flag: "order <order>", says: "priority, or fifo, which is one at a time", read: asIs },
  onRetry: { flag: "on-retry <how>", says: "in fifo order: block, or rejoin", read: asIs },
  onFail: { flag: "on-fail <how>", says: "in fifo order: next, or park", read: asIs },
} satisfies Record<string, KeySetting>;

interface KeySetting {
  readonly flag: string;
  readonly says: string;
  readonly read: (word: string) => unknown;
  readonly limit?: true;
}

type OfKey = keyof typeof ofKey;
export type KeyFlags = Settings<OfKey>;
export type QueueFlowFlags = Settings<"concurrency" | "rate" | `key${Capitalize<OfKey>}`>;

/** Adds the flags that limit a queue, and all its keys unless they say otherwise. */
export function addQueueFlowFlags(command: Command): Command {
  command
    .option("--concurrency <n>", "jobs that run at once, or none", setting("none", integer))
    .option("--rate <rate>", "hand-outs, as 100/1s or 100/1s/20, or none", setting("none", rate));
  for (const { flag, says, read, limit } of Object.values<KeySetting>(ofKey)) {
    const about = `of each key: ${says}${limit ? ", or none" : ""}`;
    command.option(`--key-${flag}`, about, setting("none", read));
  }
  return command;
}

/** The settings of flags, under the names that the queue has for them; those that say nothing are left out. */
const valuesOf = (said: Readonly<Record<string, Setting<unknown> | undefined>>) =>
  Object.fromEntries(
    Object.entries(said).flatMap(([name, flag]) =>
      flag === undefined ? [] : [[name, flag.value]],
    ),
  );

/** What the flags that limit a queue mean. */
export function queueFlow(flags: QueueFlowFlags): QueueConfigChange {
  const { concurrency, rate: bucket } = flags;
  const ofKeys = (Object.keys(ofKey) as OfKey[]).map((name) => [name, flags[inQueue(name)]]);
  const keys = valuesOf(Object.fromEntries(ofKeys));
  const own = valuesOf({ concurrency, rate: bucket });
  return Object.keys(keys).length === 0 ? own : { ...own, keys };
}

/** The name of a key's setting among those of its queue. */
const inQueue = (name: OfKey): `key${Capitalize<OfKey>}` =>
  `key${name.charAt(0).toUpperCase()}${name.slice(1)}` as `key${Capitalize<OfKey>}`;

/** Adds the flags that say something of one key. */
export function addKeyFlags(command: Command): Command {
  for (const { flag, says, read } of Object.values<KeySetting>(ofKey)) {
    command.option(`--${flag}`, says, setting("default", read));
  }
  return command;
}

/** What the flags of one key mean. */
export const keyChange = (flags: KeyFlags): KeyChange => valuesOf(flags);

export interface FlowFlags {
  readonly unique?: string | undefined;
  readonly uniqueUntil?: Unique["until"];
  readonly onConflict?: string | undefined;
  readonly after?: (string | Parent)[] | undefined;
}

/** Adds the flags that set a job among others. */
export function addFlowFlags(command: Command): Command {
  return command
    .option("--unique <key>", "it is the only job of this key")
    .option("--unique-until <when>", "started, done (the default), or for a duration", until)
    .option("--on-conflict <how>", "with the one that is there: return (default), replace, reject")
    .option(
      "--after <id>",
      "begin after this job; where it does not complete, id:fail (the default), id:continue or id:cancel; may be repeated",
      parent,
    );
}

/** What the flags that set a job among others mean. */
export function flowOptions(flags: FlowFlags): Pick<EnqueueOptions, "unique" | "after"> {
  const { unique: key, uniqueUntil, onConflict, after } = flags;
  if (key === undefined && (uniqueUntil ?? onConflict) !== undefined) {
    throw new InvalidArgumentError("--unique-until and --on-conflict go with --unique.");
  }
  const unique = key === undefined ? undefined : { key, until: uniqueUntil, onConflict };
  return { unique: unique as Unique | undefined, after };
}

const until = (word: string): Unique["until"] =>
  word === "started" || word === "done" ? word : { ms: duration(word) };

const policies: readonly ParentPolicy[] = ["fail", "continue", "cancel"];

/** Collects jobs to wait for. An id has no colon. */
function parent(word: string, before: readonly (string | Parent)[] = []): (string | Parent)[] {
  const [id = "", said, ...rest] = word.split(":");
  const onFail = policies.find((policy) => policy === said);
  if (!JOB_ID.test(id) || onFail !== said || rest.length > 0) {
    const forms = "id, id:fail, id:continue or id:cancel";
    throw new InvalidArgumentError(
      `Write a job to wait for as ${forms}; ids have A–Z a–z 0–9 _ -.`,
    );
  }
  return [...before, onFail === undefined ? id : { id, onFail }];
}

/** What narrows a list of jobs, and what is done with many ended ones. */
export interface EndedFlags {
  readonly state?: RedriveInput["states"];
  readonly label?: string;
  readonly key?: string;
  readonly error?: string;
  readonly endedAfter?: number;
  readonly endedBefore?: number;
  readonly all?: true;
}

/** Adds the flags that narrow by key, label, error and the time of the end. */
export function addFilterFlags(command: Command): Command {
  return command
    .option("--label <name[=value]>", "only jobs with this label", labelFilter)
    .option("--key <key>", "only jobs of this key")
    .option("--error <text>", "only jobs whose last error, or reason, has this in it")
    .option("--ended-after <time>", "only jobs that ended then or later", instant)
    .option("--ended-before <time>", "only jobs that ended before this", instant);
}

/** Adds the flags that name ended jobs by a filter. */
export function addEndedFlags(command: Command, states: string): Command {
  const filtered = addFilterFlags(command.option("--state <states>", states, list));
  return filtered.option(
    "--all",
    "all failed ones: said where no job is named, and nothing narrows them",
  );
}
