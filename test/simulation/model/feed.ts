/**
 * What the feed should show: of the entries of a log, as they were written, what docs/semantics.md says of each type.
 * Invariant: which fields are shown is read from the documentation, never from the code.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { eventTexts } from "../../../src/contract/events.ts";
import { EventCodec } from "../../../src/store/entry.ts";
import { pad } from "./jobs.ts";
import type { Logged } from "./state.ts";

/** A field that is shown; `isText`: only to who asks for what users wrote. */
interface Field {
  readonly name: string;
  readonly isText: boolean;
}

const documentation = readFileSync(join(import.meta.dirname, "../../../docs/semantics.md"), "utf8");

const fieldsOf: ReadonlyMap<string, readonly Field[]> = new Map(
  [...documentation.matchAll(/^\| `(\w+\.\w+)` \| (.*) \|$/gm)].map(([, type = "", cell = ""]) => {
    const isUrl = type === "delivery.put";
    const facts = isUrl ? "`url`" : (cell.split(": ", 1)[0] ?? "");
    const fields = [...facts.matchAll(/`(\w+)`(\\\*)?/g)].map(([, name = "", star]) => ({
      ...{ name, isText: star !== undefined },
    }));
    return [type, fields];
  }),
);

/** The types of events that are shown. */
export const shownTypes: readonly string[] = [...fieldsOf.keys()];

type Facts = Readonly<Record<string, unknown>>;

interface ActionFacts {
  readonly jobIds: readonly [queueId: string, term: number];
  readonly firstSeq: number;
  readonly lengths: readonly number[];
  readonly options: object;
  readonly inputs?: string;
}

/** An event with what follows from it. */
function withMore(event: Facts): Facts {
  const { type, seq, state, after, settings } = event;
  if (type === "delivery.put") return { ...event, ...(settings as object) };
  if (type === "operation.started") return { ...event, operation: seq };
  if (type === "operation.advanced") {
    return { ...event, operation: seq, done: state === undefined && after === undefined };
  }
  if (type !== "action.submitted") return event;
  const { jobIds, firstSeq, lengths, options, inputs } = event as unknown as ActionFacts;
  const [queueId, term] = jobIds;
  const jobs = lengths.map((_, i) => `${queueId}-${pad(term, 3)}-${pad(firstSeq + i, 9)}`);
  const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((a, b) => a + b, 0));
  const each = ends.map((end, i) => inputs?.slice(end - (lengths[i] ?? 0), end));
  return { ...options, ...event, jobs, inputs: inputs && `[${each.join()}]` };
}

/** What is shown of an event; undefined of one by which the queue keeps its books. */
function shownOf(event: Facts, texts: boolean): Facts | undefined {
  const type = String(event["type"]);
  const fields = fieldsOf.get(type);
  if (fields === undefined) return undefined;
  const facts = withMore(event);
  const shown: Record<string, unknown> = { type };
  for (const { name, isText } of fields) {
    const value = facts[name];
    if (value === undefined || (isText && !texts)) continue;
    const isJson = isText && type !== "task.reported";
    shown[name] = isJson ? JSON.parse(String(value)) : value;
  }
  return shown;
}

const codec = new EventCodec<never>(eventTexts as never);

/** The events of an entry, each as it is shown or undefined. */
export const eventsOf = ({ events, texts }: Logged, isWithTexts: boolean): (Facts | undefined)[] =>
  codec.decode({ events, texts }).map((event) => shownOf(event, isWithTexts));
