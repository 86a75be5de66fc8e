/**
 * Transcripts: what is said to a queue, and word for word what it answers.
 * Invariant: a transcript's answers follow from its lines; time, ids and tokens are the same in every run.
 *
 * A line that begins with `#` is a comment, `> command {input}` a command (`> command key=k {input}` with an
 * Idempotency-Key), `+5s` time that passes while alarms fire, `! reopen` a crash, `! sleep 5s` time without alarms,
 * `! alarm` an alarm, `! slow 11s` how long each write takes. `@ name agq-g2` is a Redis client of that name that connects
 * (`@ name agq-g2 auth`: it has to prove who it is; `@ name gone`: it hangs up), and `name> WORDS` what it says, as a call. What the
 * clients were sent stands behind the line after which it came, byte for byte, with `\r\n` for an end of line. All other lines are answers.
 */
import { type CommandName, commands } from "../../src/contract/commands.ts";
import type { Dialect } from "../../src/contract/dialects.ts";
import { splitInline } from "../../src/redis/inline.ts";
import type { Harness } from "../engine-harness.ts";
import { openEngine, START } from "../engine-harness.ts";
import { planWith } from "../machine/plan-rig.ts";
import { AgqRig } from "../object/agq-rig.ts";

const COLUMNS = 110;
const COMMAND = /^> (\S+)(?: key=(\S+))?(?: (\{.*\}))?$/;

function millis(text: string): number {
  const [, count, unit] = /^(\d+)(ms|s|m|h|d)$/.exec(text.trim()) ?? [];
  const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
  const factor = units[unit ?? ""];
  if (factor === undefined) throw new Error(`not a time: ${text}`);
  return Number(count) * factor;
}

/** Fields that a transcript gives in ms from the beginning. */
const INSTANTS = new Set(["runAt", "expiresAt", "endedAfter", "endedBefore"]);

type Json = null | boolean | number | string | Json[] | { [name: string]: Json };

/** Values as a gate hands them on: payloads, results and progress as texts. */
function asInput(value: Json): Json {
  if (Array.isArray(value)) return value.map(asInput);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]): [string, Json] => {
    const isText = name === "payload" || name === "result" || name === "progress";
    if (INSTANTS.has(name)) return [name, START + Number(field)];
    return [name, isText ? JSON.stringify(field) : asInput(field)];
  });
  return Object.fromEntries(fields);
}

/** A job as a gate hands it on: with a payload, and with a fingerprint if it has an id or key of its own. */
function asJob(job: Json): Json {
  if (typeof job !== "object" || job === null || Array.isArray(job)) return job;
  const whole = { payload: "null", ...job };
  const isChosen = "id" in job || "idempotencyKey" in job;
  return isChosen ? { ...whole, fingerprint: JSON.stringify(job) } : whole;
}

interface Said {
  readonly [name: string]: Json;
}

/** What a gate makes of a command's fields. */
function inputOf(name: string, said: Said): object {
  if (name === "plan.submit") return planWith(String(said["id"]), said["tasks"] as never);
  const { jobs, inputs, ...rest } = asInput(said) as Said;
  if (Array.isArray(jobs)) return { jobs: jobs.map(asJob) };
  if (name !== "action.submit") return rest;
  const texts = Array.isArray(inputs) ? inputs.map((input) => JSON.stringify(input)) : [];
  return { ...rest, inputs: texts, fingerprint: JSON.stringify(said) };
}

/** Instants as the time since the beginning: `"+30s"`. */
function withoutEpoch(value: Json): Json {
  if (typeof value === "number" && value > START / 2) return `+${(value - START) / 1000}s`;
  if (typeof value === "string") {
    return value.replace(/\b17950\d{8}\b/g, (at) => String(withoutEpoch(Number(at))));
  }
  if (Array.isArray(value)) return value.map(withoutEpoch);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, withoutEpoch(field)]);
  return Object.fromEntries(fields) as Json;
}

/** JSON on one line where it fits, else filled like a paragraph, what has no room on a line being broken itself. */
function layout(value: Json, indent: string): string {
  const line = JSON.stringify(value);
  const isSmall = line.length + indent.length <= COLUMNS;
  if (isSmall || typeof value !== "object" || value === null) return line;
  const inner = `${indent} `;
  const parts = Array.isArray(value)
    ? value.map((each) => layout(each, inner))
    : Object.entries(value).map(([name, each]) => `"${name}":${layout(each, inner)}`);
  const [open, close] = Array.isArray(value) ? "[]" : "{}";
  return `${open}${fill(parts, inner)}${close}`;
}

/** Parts behind commas, as many on a line as it takes. */
function fill(parts: readonly string[], indent: string): string {
  let text = "";
  let column = indent.length;
  for (const [i, part] of parts.entries()) {
    const isFitting = column + part.length < COLUMNS && !part.includes("\n");
    if (i > 0) text += isFitting ? "," : `,\n${indent}`;
    if (i > 0 && !isFitting) column = indent.length;
    text += part;
    column = part.includes("\n") ? COLUMNS : column + part.length + 1;
  }
  return text;
}

async function command(q: Harness, line: string): Promise<string> {
  const [, name = "", key, text = "{}"] = COMMAND.exec(line) ?? [];
  if (!Object.hasOwn(commands, name)) throw new Error(`not a command: ${line}`);
  const input = inputOf(name, JSON.parse(text) as Said);
  const idempotency = key === undefined ? undefined : { key, bodyHash: `${name} ${text}` };
  const answer = await q.answer(name as CommandName, input as never, idempotency);
  if ("reply" in answer) return layout(withoutEpoch(JSON.parse(answer.reply) as Json), "  ");
  const { refusalCode, detail, facts } = answer.refusal;
  const shown = facts === undefined ? "" : `\n  ${JSON.stringify(withoutEpoch({ ...facts }))}`;
  return `refused: ${refusalCode}\n  ${String(withoutEpoch(detail))}${shown}`;
}

async function event(q: Harness, clients: AgqRig, line: string): Promise<void> {
  const [verb = "", time = ""] = line.slice(2).split(" ");
  if (verb === "reopen") await clients.reopen();
  else if (verb === "alarm") await q.alarm();
  else if (verb === "sleep") q.now += millis(time);
  else if (verb === "slow") q.syncMs = millis(time);
  else throw new Error(`not an event: ${line}`);
}

/** A Redis client connects, or hangs up. */
function meet(clients: AgqRig, line: string): void {
  const [, name = "", what = "", auth] = line.split(" ");
  if (what === "gone") clients.hangUp(name);
  else clients.connect(name, what as Dialect, auth === "auth");
}

/** Runs what a transcript says and gives it with the answers that come now. */
export async function replay(transcript: string): Promise<string> {
  const q = await openEngine();
  const clients = new AgqRig(q);
  const lines: string[] = [];
  for (const line of transcript.split("\n")) {
    const [, client, words] = /^([a-z]\w*)> (.*)$/.exec(line) ?? [];
    const isSaid = line === "" || /^[#>+!@]/.test(line) || client !== undefined;
    if (!isSaid) continue;
    lines.push(line);
    if (line.startsWith("+")) await clients.advance(millis(line.slice(1)));
    if (line.startsWith("!")) await event(q, clients, line);
    if (line.startsWith(">")) lines.push(`  ${await command(q, line)}`);
    if (line.startsWith("@")) meet(clients, line);
    if (client !== undefined) clients.say(client, splitInline(words ?? "") ?? []);
    await q.settled();
    for (const [name, sent] of clients.sent()) lines.push(`  ${name}< ${sent}`);
  }
  return lines.join("\n");
}
