/**
 * A CPU profile of workerd, taken through its inspector while it works.
 * Invariant: a profile covers exactly the work it was asked to cover; what it prints is self time.
 */
import { readFileSync, writeFileSync } from "node:fs";
import type { BenchServer } from "./server.ts";
import { sum } from "./statistics.ts";

interface Node {
  readonly id: number;
  readonly children?: readonly number[];
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}
/** The Chrome DevTools format of a `.cpuprofile`. */
interface Profile {
  readonly nodes: readonly Node[];
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

const SAMPLE_US = 200;
const TOP = 25;
/** Outside the isolate: workerd's own code, or nothing. Shares are of all other time. */
const IDLE = "(idle)";

/** Profiles `work`, writes the profile to `file`, and returns lines that name where the time went. */
export async function profiled(
  { inspectorUrl, module }: Pick<BenchServer, "inspectorUrl" | "module">,
  file: string,
  work: () => Promise<void>,
): Promise<string[]> {
  if (inspectorUrl === undefined) throw new Error("The server has no inspector.");
  const session = await Session.open(inspectorUrl);
  await session.call("Profiler.enable");
  await session.call("Profiler.setSamplingInterval", { interval: SAMPLE_US });
  await session.call("Profiler.start");
  await work();
  const { profile } = (await session.call("Profiler.stop")) as { profile: Profile };
  session.close();
  writeFileSync(file, JSON.stringify(profile));
  return topOf(profile, sourcesOf(readFileSync(module, "utf8")));
}

/** Time by name of function, in microseconds: its own, and with all that it called. */
interface Times {
  readonly own: Map<string, number>;
  readonly whole: Map<string, number>;
}

function topOf(profile: Profile, sourceAt: (line: number) => string): string[] {
  const { own, whole } = timesOf(profile, (node) => nameOf(node, sourceAt));
  const busyUs = sum([...own.values()]) - (own.get(IDLE) ?? 0);
  const share = (us = 0): string => `${((us / busyUs) * 100).toFixed(1).padStart(5)} %`;
  own.delete(IDLE);
  const top = [...own].sort(([, a], [, b]) => b - a).slice(0, TOP);
  return [
    "   self    total   (of the time in the isolate)",
    ...top.map(([name, us]) => `${share(us)}  ${share(whole.get(name))}  ${name}`),
  ];
}

function timesOf({ nodes, samples, timeDeltas }: Profile, nameOfNode: (node: Node) => string) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const sampledUs = new Map<number, number>();
  for (const [i, id] of samples.entries()) {
    sampledUs.set(id, (sampledUs.get(id) ?? 0) + Math.max(0, timeDeltas[i] ?? 0));
  }
  const times: Times = { own: new Map(), whole: new Map() };
  const add = (map: Map<string, number>, name: string, us: number) =>
    map.set(name, (map.get(name) ?? 0) + us);
  const visit = (node: Node, callers: ReadonlySet<string>): number => {
    const name = nameOfNode(node);
    const inside = new Set(callers).add(name);
    const children = (node.children ?? []).flatMap((id) => byId.get(id) ?? []);
    const ownUs = sampledUs.get(node.id) ?? 0;
    const wholeUs = ownUs + sum(children.map((child) => visit(child, inside)));
    add(times.own, name, ownUs);
    // A function that calls itself is counted once.
    if (!callers.has(name)) add(times.whole, name, wholeUs);
    return wholeUs;
  };
  const [root] = nodes;
  if (root !== undefined) visit(root, new Set());
  return times;
}

function nameOf({ callFrame }: Node, sourceAt: (line: number) => string): string {
  const { functionName, url, lineNumber } = callFrame;
  return url === "" ? functionName : `${functionName || "(anonymous)"}  ${sourceAt(lineNumber)}`;
}

/** The bundler writes the name of each source above what it took from it. */
function sourcesOf(bundle: string): (line: number) => string {
  const names: string[] = [];
  let name = "";
  for (const line of bundle.split("\n")) {
    name = /^\/\/ (\S+\.[jt]s)$/.exec(line)?.[1] ?? name;
    names.push(name);
  }
  return (line) => names[line] ?? "";
}

interface Answer {
  readonly id?: number;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

/** A conversation in the Chrome DevTools protocol, one call at a time. */
class Session {
  readonly #socket: WebSocket;
  #calls = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
  }

  static async open(inspectorUrl: string): Promise<Session> {
    const targets = (await (await fetch(`${inspectorUrl}/json`)).json()) as {
      webSocketDebuggerUrl: string;
    }[];
    const target = targets[0];
    if (target === undefined) throw new Error("workerd's inspector shows no Worker.");
    const socket = new WebSocket(target.webSocketDebuggerUrl);
    await new Promise((resolve, reject) => {
      socket.addEventListener("open", resolve, { once: true });
      socket.addEventListener("error", reject, { once: true });
    });
    return new Session(socket);
  }

  call(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.#calls;
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const hear = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as Answer;
      if (answer.id !== id) return;
      this.#socket.removeEventListener("message", hear);
      if (answer.error === undefined) resolve(answer.result);
      else reject(new Error(`${method}: ${answer.error.message}`));
    };
    this.#socket.addEventListener("message", hear);
    this.#socket.send(JSON.stringify({ id, method, params }));
    return promise;
  }

  close(): void {
    this.#socket.close();
  }
}
