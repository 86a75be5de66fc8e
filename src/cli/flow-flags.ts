/**
 * The flags that limit, order and narrow: of a queue, of its keys, of one job, and of lists of ended jobs.
 * Invariant: a word that takes a setting back (`none`, `default`) becomes null, and a flag that is left out changes nothing.
 */
import { type Command, InvalidArgumentError } from "commander";
import type {
  EnqueueOptions,
  KeyChange,
  Parent,
  QueueConfigChange,
  Rate,
  RedriveInput,
  Unique,
} from "../client/index.ts";
import { duration, instant, integer, list } from "./values.ts";

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
type OfQueue = "concurrency" | "rate";
type OfKey = keyof typeof keyFlags;
type OfKeys = `key${Capitalize<OfKey>}`;
/** The flags of a queue's keys, and what each of them sets. */
const keyFlags = {
  concurrency: "keyConcurrency",
  rate: "keyRate",
  weight: "keyWeight",
  maxBacklog: "keyMaxBacklog",
  order: "keyOrder",
  onRetry: "keyOnRetry",
  onFail: "keyOnFail",
} as const;
export type QueueFlowFlags = Settings<OfQueue | OfKeys>;

/** Adds the flags that limit a queue, and all its keys unless they say otherwise. */
export function addQueueFlowFlags(command: Command): Command {
  const count = setting("none", integer);
  const bucket = setting("none", rate);
  const word = setting("", asIs);
  return command
    .option("--concurrency <n>", "jobs that run at once, or none for no limit", count)
    .option("--rate <rate>", "hand-outs, as 100/1s, or none for no limit", bucket)
    .option("--key-concurrency <n>", "of each key: jobs that run at once, or none", count)
    .option("--key-rate <rate>", "of each key: hand-outs, as 100/1s, or none", bucket)
    .option("--key-weight <n>", "of each key: jobs of one turn", count)
    .option("--key-max-backlog <n>", "of each key: jobs that may wait, or none", count)
    .option("--key-order <order>", "of each key: priority, or fifo, which is one at a time", word)
    .option("--key-on-retry <how>", "of each key in fifo order: block or rejoin", word)
    .option("--key-on-fail <how>", "of each key in fifo order: next or park", word);
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
  const ofKeys = Object.entries(keyFlags).map(([name, flag]) => [name, flags[flag]] as const);
  const keys = valuesOf(Object.fromEntries(ofKeys));
  const own = valuesOf({ concurrency, rate: bucket });
  return Object.keys(keys).length === 0 ? own : { ...own, keys };
}

/** Adds the flags that say something of one key. */
export function addKeyFlags(command: Command): Command {
  const count = setting("default", integer);
  const word = setting("default", asIs);
  const bucket = setting("default", rate);
  return command
    .option("--concurrency <n>", "jobs that run at once", count)
    .option("--rate <rate>", "hand-outs, as 100/1s, or 100/1s/20 with a burst", bucket)
    .option("--weight <n>", "jobs of one turn", count)
    .option("--max-backlog <n>", "jobs that may wait", count)
    .option("--order <order>", "priority, or fifo, which is one at a time", word)
    .option("--on-retry <how>", "in fifo order: block until it has ended, or rejoin", word)
    .option("--on-fail <how>", "in fifo order: next, or park, which pauses the key", word);
}
export type KeyFlags = Settings<OfKey>;

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
      "begin after this job, and fail with it; id:continue or id:cancel do otherwise; may be repeated",
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

/** Collects jobs to wait for. An id has no colon. */
function parent(word: string, before: readonly (string | Parent)[] = []): (string | Parent)[] {
  const [id = "", onFail, ...rest] = word.split(":");
  if (id === "" || rest.length > 0) {
    throw new InvalidArgumentError("Write a job to wait for as id, id:continue or id:cancel.");
  }
  return [...before, onFail === undefined ? id : ({ id, onFail } as Parent)];
}

/** What narrows a list of jobs, and what is done with many ended ones. */
export interface EndedFlags {
  readonly state?: RedriveInput["states"];
  readonly label?: string;
  readonly key?: string;
  readonly error?: string;
  readonly endedAfter?: number;
  readonly endedBefore?: number;
}

/** Adds the flags that narrow by key, label, error and the time of the end. */
export function addFilterFlags(command: Command): Command {
  return command
    .option("--label <name[:value]>", "only jobs with this label")
    .option("--key <key>", "only jobs of this key")
    .option("--error <text>", "only jobs whose last error has this in it")
    .option("--ended-after <time>", "only jobs that ended then or later", instant)
    .option("--ended-before <time>", "only jobs that ended before this", instant);
}

/** Adds the flags that name ended jobs by a filter. */
export function addEndedFlags(command: Command, states: string): Command {
  return addFilterFlags(command.option("--state <states>", states, list));
}
