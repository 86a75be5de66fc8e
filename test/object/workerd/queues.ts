/**
 * Queues as real Durable Objects: asked by RPC, looked into, evicted, and woken by their alarm.
 * Invariant: the clock stands in the year 2100 until a test moves it, so no alarm fires by itself.
 */
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import type { CommandInputs, CommandName, CommandReplies } from "../../../src/contract/commands.ts";
import { pack, unpackAnswer } from "../../../src/contract/packing.ts";
import type { CommandAnswer, CommandRequest } from "../../../src/contract/rpc.ts";
import type { DirectoryObject } from "../../../src/object/directory-object.ts";
import { DIRECTORY_NAME, type QueueObject } from "../../../src/object/queue-object.ts";
import { command, replyOf } from "../commands.ts";

interface TestEnv {
  readonly QUEUE: DurableObjectNamespace<QueueObject>;
  readonly DIRECTORY: DurableObjectNamespace<DirectoryObject>;
}
export const { QUEUE, DIRECTORY } = env as unknown as TestEnv;

export const EPOCH = Date.UTC(2100);

/** Stops the clock at `EPOCH`. */
export function stopClock(): void {
  vi.useFakeTimers({ toFake: ["Date"], now: EPOCH });
}

export const passes = (ms: number): void => void vi.setSystemTime(Date.now() + ms);

export const directory = () => DIRECTORY.getByName(DIRECTORY_NAME);

let queues = 0;

/** One queue; each has a name of its own. */
export class Queue {
  readonly name: string;

  constructor(name = `queue-${++queues}`) {
    this.name = name;
  }

  get stub(): DurableObjectStub<QueueObject> {
    return QUEUE.getByName(this.name);
  }

  submit(request: CommandRequest): Promise<CommandAnswer> {
    return this.#ask(request);
  }

  /** Submits commands in one turn of the object: what the first group does not take forms the next ones. */
  submitAtOnce(requests: readonly CommandRequest[]): Promise<CommandAnswer[]> {
    return runInDurableObject(this.stub, (object) =>
      Promise.all(requests.map((request) => object.submit(request))),
    );
  }

  async read<N extends CommandName>(name: N, input: CommandInputs[N]): Promise<CommandReplies[N]> {
    return replyOf(name, await this.#ask(command(name, input)));
  }

  /** Asks as the gate does. */
  async #ask(request: CommandRequest): Promise<CommandAnswer> {
    return unpackAnswer(await this.stub.ask(pack(request)));
  }

  stats(): Promise<CommandReplies["queue.stats"]> {
    return this.read("queue.stats", {});
  }

  /** The state of a job. */
  async stateOf(id: string): Promise<string> {
    return (await this.read("job.get", { id })).job.state;
  }

  /** Ends the instance; the next command wakes another. */
  evict(): Promise<void> {
    return evictDurableObject(this.stub);
  }

  /** Fires the alarm, whatever the time. Tells whether one was armed. */
  fire(): Promise<boolean> {
    return runDurableObjectAlarm(this.stub);
  }

  armed(): Promise<number | null> {
    return runInDurableObject(this.stub, (_, state) => state.storage.getAlarm());
  }

  /** How many sockets the object has. */
  sockets(): Promise<number> {
    return runInDurableObject(this.stub, (_, state) => state.getWebSockets().length);
  }

  /** Runs a statement in the object's database. */
  sql(query: string, ...bindings: (string | number)[]): Promise<Record<string, SqlStorageValue>[]> {
    return runInDurableObject(this.stub, (_, state) =>
      state.storage.sql.exec(query, ...bindings).toArray(),
    );
  }

  /** Every table, with all its rows, as text. */
  async database(): Promise<string> {
    return runInDurableObject(this.stub, (_, { storage }) => {
      const tables = storage.sql
        .exec<{ name: string }>(
          "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf\\_%' ESCAPE '\\' ORDER BY name",
        )
        .toArray();
      const rows = tables.map(({ name }) => [
        name,
        storage.sql.exec(`SELECT * FROM "${name}"`).toArray(),
      ]);
      return JSON.stringify(rows);
    });
  }
}
