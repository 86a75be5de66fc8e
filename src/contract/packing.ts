/**
 * How commands and answers cross between the Worker and an object: each as one text, since every value that crosses costs on
 * both sides (measured for one job: a command as an object 10 µs more than as text, its answer 12 µs more).
 * Invariant: `unpack(pack(request))` equals the request, and `unpackAnswer(packAnswer(answer))` the answer.
 */
import type { JobSpec } from "./jobs.ts";
import type { ClaimInput, Settlement } from "./leases.ts";
import type { Refusal } from "./refusals.ts";
import type { CommandAnswer, CommandRequest } from "./rpc.ts";

/** All of a command but its input. */
type Envelope<N extends CommandRequest["name"]> = Omit<CommandRequest<N>, "input">;

/** Jobs that are nothing but payloads: the length of each, in UTF-16 units; the texts stand behind the head. */
interface PackedJobs extends Envelope<"job.enqueue"> {
  readonly lengths: readonly number[];
}
/** Completions without results: `id token`, between commas. */
interface PackedCompletions extends Envelope<"lease.settle"> {
  readonly completions: string;
  readonly claim?: ClaimInput | undefined;
}
/** A chunk of an import, whose text stands behind the head. */
interface PackedChunk extends Envelope<"snapshot.import"> {
  readonly upload: string;
  readonly chunk: number;
}
/** The first line of a packed command, as JSON: the whole command where it has no shorter form. */
type Head = CommandRequest | PackedJobs | PackedCompletions | PackedChunk;

const isBareJob = (job: JobSpec): boolean => {
  for (const field in job) if (field !== "payload") return false;
  return true;
};

const SEPARATORS = /[ ,]/;

const isBareCompletion = (item: Settlement): boolean =>
  item.op === "complete" && item.result === undefined && !SEPARATORS.test(item.token);

/** A command as text: a line of JSON, and long texts behind it as they are. */
export function pack(request: CommandRequest): string {
  if (request.name === "job.enqueue") return packJobs(request as CommandRequest<"job.enqueue">);
  if (request.name === "lease.settle") return packItems(request as CommandRequest<"lease.settle">);
  if (request.name === "snapshot.import") {
    return packChunk(request as CommandRequest<"snapshot.import">);
  }
  return line(request);
}

// JSON has no line end outside of strings, and within them it is escaped.
const line = (head: Head): string => `${JSON.stringify(head)}\n`;

function packJobs(request: CommandRequest<"job.enqueue">): string {
  const { input, ...envelope } = request;
  const { jobs } = input;
  if (!jobs.every(isBareJob)) return line(request);
  let texts = line({ ...envelope, lengths: jobs.map(({ payload }) => payload.length) });
  for (const { payload } of jobs) texts += payload;
  return texts;
}

function packItems(request: CommandRequest<"lease.settle">): string {
  const { input, ...envelope } = request;
  const { items, claim } = input;
  if (items.length === 0 || !items.every(isBareCompletion)) return line(request);
  const completions = items.map((item) => `${item.id} ${item.token}`).join();
  return line({ ...envelope, completions, ...(claim && { claim }) });
}

function packChunk(request: CommandRequest<"snapshot.import">): string {
  const { input, ...envelope } = request;
  if (!("text" in input)) return line(request);
  const { text, ...place } = input;
  return line({ ...envelope, ...place }) + text;
}

/** The command that a text means. */
export function unpack(message: string): CommandRequest {
  const end = message.indexOf("\n");
  const head = JSON.parse(message.slice(0, end)) as Head;
  if ("lengths" in head) {
    const { lengths, ...envelope } = head;
    let at = end + 1;
    const jobs = lengths.map((length) => {
      at += length;
      return { payload: message.slice(at - length, at) };
    });
    return { ...envelope, input: { jobs } };
  }
  if ("completions" in head) {
    const { completions, claim, ...envelope } = head;
    const items = completions.split(",").map((pair) => {
      const space = pair.indexOf(" ");
      const [id, token] = [pair.slice(0, space), pair.slice(space + 1)];
      return { op: "complete", id, token } as const;
    });
    return { ...envelope, input: claim === undefined ? { items } : { items, claim } };
  }
  if ("chunk" in head) {
    const { upload, chunk, ...envelope } = head;
    return { ...envelope, input: { upload, chunk, text: message.slice(end + 1) } };
  }
  return head;
}

/** No JSON begins so. */
const REFUSED = "!";

/** An answer as text: the reply as it is, or a mark and the refusal as JSON. */
export function packAnswer(answer: CommandAnswer): string {
  return "reply" in answer ? answer.reply : REFUSED + JSON.stringify(answer.refusal);
}

/** The answer that a text means. */
export function unpackAnswer(message: string): CommandAnswer {
  if (!message.startsWith(REFUSED)) return { reply: message };
  return { refusal: JSON.parse(message.slice(REFUSED.length)) as Refusal };
}
