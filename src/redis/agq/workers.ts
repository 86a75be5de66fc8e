/**
 * PING, WORKER.* and WORKERS.LIST, and the names `worker:<id>`: workers as AGQ's programs tell of them.
 * Invariant: a PING with a name is a worker's heartbeat, which registers it, keeps its job, and says whose connection this is. What a worker has
 * announced that it can do holds also where its registration is gone.
 */
import { CAPABILITY } from "../../contract/ids.ts";
import { limits } from "../../contract/limits.ts";
import { fitOneWorker, tooManyCapabilities, type WorkerRecord } from "../../contract/workers.ts";
import { checkIdentifier, objectIn, required } from "./arguments.ts";
import {
  type AgqContext,
  AgqError,
  type AgqPerform,
  ask,
  between,
  bulk,
  exactly,
  OK,
  textArgument,
  unless,
} from "./command.ts";
import { seconds, sortedJson } from "./json.ts";
import { keepJob, LEASE_MS } from "./leases.ts";
import { listed } from "./pages.ts";

const HEARTBEAT_SECS = 30;

/** Throws unless a worker may be called so. */
const checkId = (id: string): void => checkIdentifier(id, "worker_id");

/** Remembers what a worker can do, as far as that can be kept with its socket. */
function remember({ memory }: AgqContext, worker: string, tools: readonly string[]): void {
  const names = tools.join(",");
  if (names === "") delete memory.tools;
  else memory.tools = names.length > limits.agqToolsCharsMax ? { worker } : { worker, names };
}

/** What a worker whose registration is gone has announced on this connection. Throws where that could not be remembered. */
function toolsBefore({ memory: { tools } }: AgqContext, worker: string): string[] {
  if (tools?.worker !== worker) return [];
  if (tools.names !== undefined) return tools.names.split(",");
  throw new AgqError(
    `Worker not registered: ${worker}: say by SET worker:${worker}:tools what it can do`,
  );
}

async function register(context: AgqContext, id: string, capabilities: string[]): Promise<void> {
  const said = { id, kinds: ["plan" as const], capabilities, ttlMs: LEASE_MS, slots: 1 };
  const registration = ask(context, "worker.register", said);
  if ((await unless(registration, "workers_limit")) !== undefined) {
    remember(context, id, capabilities);
    return;
  }
  throw new AgqError(
    `Protocol error: Maximum worker limit reached (${limits.workersMax} workers). Cannot register new worker.`,
  );
}

const heartbeat = (context: AgqContext, id: string) =>
  unless(ask(context, "worker.heartbeat", { id }), "worker_unknown", "queue_unknown");

/**
 * This connection is the worker's from now on, and what it was handed while it was nobody's is in its hands. What it was handed for another
 * worker stays that one's, which may have it over other connections.
 */
async function recognize(context: AgqContext, id: string): Promise<void> {
  const { memory } = context;
  if (memory.worker !== undefined && memory.worker !== id) delete memory.held;
  memory.worker = id;
  await keepJob(context);
}

const ping: AgqPerform = async (context, [id]) => {
  if (id === undefined) return { ok: "PONG" };
  checkId(id);
  const known = await heartbeat(context, id);
  if (known === undefined) await register(context, id, toolsBefore(context, id));
  else remember(context, id, known.worker.capabilities);
  await recognize(context, id);
  return id;
};

/** The tools in a list, or in a text with commas between them. */
function toolsIn(said: unknown): string[] {
  const names = typeof said === "string" ? said.split(",").filter((name) => name !== "") : said;
  const isList =
    Array.isArray(names) &&
    names.every((name) => typeof name === "string" && CAPABILITY.test(name));
  const tools = isList ? [...new Set(names as string[])].sort() : [];
  const isTooMuch = tools.length > limits.capabilitiesPerClaimMax || !fitOneWorker(tools);
  if (isList && !isTooMuch) return tools;
  throw new AgqError(
    `Invalid capabilities: names of 1 to 256 characters of A-Z a-z 0-9 _ . : / + -, at most ${limits.capabilitiesPerClaimMax} of them; ${tooManyCapabilities}`,
  );
}

const idIn = (name: string): string => name.split(":")[1] ?? "";

/** `SET worker:<id>:tools`: what a worker can do; with NX only of one of which that is not known. */
const setTools: AgqPerform = async (context, [name = "", value = "", isNew]) => {
  const id = idIn(name);
  checkId(id);
  const tools = toolsIn(textArgument(value));
  const before = isNew === undefined ? undefined : await workerOf(context, id);
  if (before !== undefined && before.capabilities.length > 0) {
    remember(context, id, before.capabilities);
    return null;
  }
  await register(context, id, tools);
  return OK;
};

async function workerOf(context: AgqContext, id: string): Promise<WorkerRecord | undefined> {
  checkId(id);
  const asked = ask(context, "worker.get", { id });
  return (await unless(asked, "worker_unknown", "queue_unknown"))?.worker;
}

const viewTools: AgqPerform = async (context, [name = ""]) => {
  const tools = (await workerOf(context, idIn(name)))?.capabilities ?? [];
  return tools.length === 0 ? null : tools.join(",");
};

const registerWorker: AgqPerform = async (context, [json = ""]) => {
  const { value } = objectIn(json);
  const id = required(value, "worker_id");
  const tools = toolsIn(value["capabilities"] ?? value["tools"] ?? []);
  const before = await workerOf(context, id);
  if (before !== undefined && before.state !== "dead") {
    throw new AgqError("Worker ID already registered");
  }
  await register(context, id, tools);
  await recognize(context, id);
  return { ok: `OK worker_id=${id} heartbeat_interval=${HEARTBEAT_SECS}` };
};

const heartbeatWorker: AgqPerform = async (context, [id = ""]) => {
  checkId(id);
  const known = await heartbeat(context, id);
  if (known === undefined) throw new AgqError(`Worker not registered: ${id}`);
  remember(context, id, known.worker.capabilities);
  await recognize(context, id);
  return OK;
};

const unregisterWorker: AgqPerform = async (context, [id = ""]) => {
  checkId(id);
  const removal = ask(context, "worker.remove", { id });
  if ((await unless(removal, "worker_unknown", "queue_unknown")) === undefined) {
    throw new AgqError(`Worker not registered: ${id}`);
  }
  if (context.memory.worker === id) {
    delete context.memory.worker;
    delete context.memory.held;
    delete context.memory.tools;
  }
  return OK;
};

const listWorkers: AgqPerform = async (context) => {
  const workers = await listed(context, "worker.list", {});
  return workers
    .filter(({ state }) => state !== "dead")
    .sort((a, b) => b.seenAt - a.seenAt)
    .map(({ name, seenAt, capabilities }) =>
      bulk(
        sortedJson({
          last_seen: seconds(seenAt),
          status: "active",
          tools: capabilities.join(","),
          worker_id: name,
        }),
      ),
    );
};

export const workerCommands = {
  PING: between(0, 1, "accepts 0 or 1 arguments", ping),
  "WORKER.REGISTER": exactly(1, "one argument (worker JSON)", registerWorker),
  "WORKER.HEARTBEAT": between(1, 2, "requires at least one argument (worker_id)", heartbeatWorker),
  "WORKER.UNREGISTER": exactly(1, "one argument (worker_id)", unregisterWorker),
  "WORKERS.LIST": exactly(0, "no arguments", listWorkers),
};

/** What can be said of the names of workers. */
export const workerViews = {
  "get worker:*:tools": viewTools,
  "set worker:*:tools": setTools,
};
