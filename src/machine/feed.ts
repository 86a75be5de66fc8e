/**
 * Events as the feed shows them: the fields that the contract names, and what follows from the event alone.
 * Invariant: the same event is always shown the same way, whatever the state, so that the feed is the same however often it is read.
 */
import type { Event, EventOf, EventType } from "../contract/events.ts";
import { eventTexts } from "../contract/events.ts";
import { type FeedEventType, feedFields, sharedFields } from "../contract/feed.ts";
import { jobIds } from "../contract/ids.ts";
import type { JsonText } from "../contract/json.ts";

type Fields = Readonly<Record<string, unknown>>;

/** A field as it is shown: its name, how it begins in JSON, and whether its text is JSON already. */
interface Shown {
  readonly name: string;
  readonly label: string;
  readonly isRaw: boolean;
}

const label = (name: string): string => `,"${name}":`;

const shownFields: ReadonlyMap<EventType, readonly Shown[]> = new Map(
  Object.entries(feedFields).map(([type, names]) => {
    const texts: readonly string[] = eventTexts[type as keyof typeof eventTexts] ?? [];
    // What a task has written is the one text that is no JSON.
    const isRaw = (name: string) => type !== "task.reported" && texts.includes(name);
    const shown = names.map((name) => ({ name, label: label(name), isRaw: isRaw(name) }));
    return [type as EventType, shown];
  }),
);

/** Whether the feed shows events of a type. */
export const isShown = (type: EventType): type is FeedEventType => shownFields.has(type);

/**
 * The JSON text of what the feed shows of an event; `place` are the fields of a cursor and a time that stand first. Texts of users are
 * in it where the event was decoded with them. Written by hand: a reader keeps up with 60,000 of them a second.
 */
export function shownEvent(event: Event, place: JsonText): JsonText {
  const own = event as unknown as Fields;
  let json = `{${place},"type":"${event.type}"`;
  for (const { name, label: begin, isRaw } of shownFields.get(event.type) ?? []) {
    const value = own[name];
    if (value === undefined) continue;
    json += begin + (isRaw ? rawText(event, String(value)) : jsonOf(value));
  }
  return `${json}${derived(event)}}`;
}

const jsonOf = (value: unknown): JsonText =>
  typeof value === "number" ? String(value) : JSON.stringify(value);

/** The inputs of an action stand one behind the other. */
function rawText(event: Event, text: string): JsonText {
  if (event.type !== "action.submitted") return text;
  let at = 0;
  const inputs = event.lengths.map((length) => {
    at += length;
    return text.slice(at - length, at);
  });
  return `[${inputs.join()}]`;
}

/** What follows from the event alone, as JSON behind its own fields. */
function derived(event: Event): JsonText {
  if (event.type === "action.submitted") return sharedByJobs(event);
  if (event.type === "delivery.put") return label("url") + JSON.stringify(event.settings.url);
  if (event.type === "operation.started") return `${label("operation")}${event.seq}`;
  if (event.type !== "operation.advanced") return "";
  const isDone = event.state === undefined && event.after === undefined;
  return `${label("operation")}${event.seq}${label("done")}${isDone}`;
}

function sharedByJobs({ jobIds: [queueId, term], firstSeq, lengths, options }: ActionSubmitted) {
  const idOf = jobIds({ queueId, term });
  let json = label("jobs") + JSON.stringify(lengths.map((_, i) => idOf(firstSeq + i)));
  for (const name of sharedFields) {
    const value = options[name];
    if (value !== undefined) json += label(name) + jsonOf(value);
  }
  return json;
}
type ActionSubmitted = EventOf<"action.submitted">;
