/**
 * A node of ports: log, state machine and snapshots over one database, each by itself.
 * Invariant: in a node that is reopened, nothing in memory outlives a call: the tables are checkpointed, the database is
 * closed, and everything is opened again from what was written, before the next call.
 */
import type { Anchor, Entry } from "../../src/store/chain.ts";
import { checkpoint, openPorts, type Ports } from "../../src/store/ports.ts";
import type {
  IndexRange,
  LogStorage,
  Snapshot,
  SnapshotBuilder,
  SnapshotStorage,
  StateMachine,
  Vote,
} from "../../src/store/raft.ts";
import type { Sql } from "../../src/store/sql.ts";
import { initialState, type RaftState } from "../../src/store/startup.ts";
import type { schema } from "../store/support.ts";
import { type CaseEvent, config, unlogged } from "./entries.ts";

/** A log, and what an entry of it is chained to. */
export type StartLog = LogStorage & { anchor(index: number): Anchor };
/** A state machine that can also catch up. */
export type StartMachine = StateMachine & { recover(entries: Iterable<Entry>): void };
export type CasePorts = Ports<typeof schema, CaseEvent>;

/** A database that can be closed and opened again. */
export interface Place {
  open(): Sql;
  close(sql: Sql): void;
}

/** Opens the ports of the cases' schema; a new queue gets its identity. */
export function openCasePorts(sql: Sql): CasePorts {
  const ports = openPorts(sql, config);
  if (ports.state.known === undefined) ports.state.create({ queueId: "q", term: 0 });
  return ports;
}

/** Everything that ports show. */
export function viewOf(ports: CasePorts) {
  const { log, machine } = ports;
  const { notes, bySize, counts } = machine.tables;
  return {
    log: log.logState(),
    entries: log.tryEntries({ from: 1 }),
    vote: log.readVote(),
    committed: log.readCommitted(),
    applied: machine.applied(),
    tables: [notes, bySize, counts].map((table) => [...table.scan({})]),
    snapshot: ports.snapshots.currentSnapshot()?.meta,
  };
}

export class PortNode {
  readonly log: StartLog;
  readonly machine: StartMachine;
  readonly snapshots: SnapshotStorage;
  readonly #place: Place;
  readonly #isReopened: boolean;
  #sql: Sql;
  #ports: CasePorts;
  /** Calls under way: what a call of a port calls itself does not end anything. */
  #calls = 0;

  constructor(place: Place, isReopened: boolean) {
    this.#place = place;
    this.#isReopened = isReopened;
    this.#sql = place.open();
    this.#ports = openCasePorts(this.#sql);
    const resumed = { stream: this.#stream, leaderBoundedStream: this.#leaderBoundedStream };
    this.log = this.#port<StartLog>(() => this.#ports.log, isReopened ? resumed : {});
    this.machine = this.#port<StartMachine>(() => this.#ports.machine);
    this.snapshots = this.#port<SnapshotStorage>(() => this.#ports.snapshots, {
      tryCreateSnapshotBuilder: this.#tryCreateSnapshotBuilder,
      currentSnapshot: this.#currentSnapshot,
    });
  }

  /** The state that a node finds when it starts. */
  start(): RaftState {
    return this.#call(() => initialState(this.log, this.machine));
  }

  /** Applies entries that the log may not have. */
  apply(...drafts: Parameters<typeof unlogged>[0]): void {
    this.machine.apply(unlogged(drafts));
  }

  view() {
    return this.#call(() => viewOf(this.#ports));
  }

  /** The notes in the tables, by id. */
  get notes(): readonly unknown[] | undefined {
    return this.view().tables[0]?.map(([[id]]) => id);
  }

  /** Opens everything again, as after an orderly end. */
  reopen(): void {
    const { limits } = config;
    checkpoint(this.#ports, limits);
    this.crash();
  }

  /** Opens everything again as it was written: what was only in memory is gone. */
  crash(): void {
    this.#place.close(this.#sql);
    this.#sql = this.#place.open();
    this.#ports = openCasePorts(this.#sql);
  }

  close(): void {
    this.#place.close(this.#sql);
  }

  #call<T>(work: () => T): T {
    this.#calls += 1;
    try {
      return work();
    } finally {
      this.#calls -= 1;
      if (this.#isReopened && this.#calls === 0) this.reopen();
    }
  }

  /** A port of which each call goes to the ports that are open now. */
  #port<T extends object>(port: () => T, own: Partial<T> = {}): T {
    return new Proxy({} as T, {
      get: (_, name) => {
        const special = Reflect.get(own, name);
        if (special !== undefined) return special;
        return (...args: unknown[]) =>
          this.#call(() => {
            const now = port();
            const verb = Reflect.get(now, name) as (...given: unknown[]) => unknown;
            return verb.apply(now, args);
          });
      },
    });
  }

  /** Takes a stream one entry at a time, each from the ports that are then open. */
  *#resumed(range: IndexRange, streamFrom: (log: StartLog, range: IndexRange) => Iterable<Entry>) {
    for (let { from } = range; ; from += 1) {
      const [entry] = this.#call(() => {
        for (const first of streamFrom(this.#ports.log, { ...range, from })) return [first];
        return [];
      });
      if (entry === undefined) return;
      yield entry;
    }
  }

  readonly #stream = (range: IndexRange): Generator<Entry> =>
    this.#resumed(range, (log, rest) => log.stream(rest));

  readonly #leaderBoundedStream = (
    leader: Omit<Vote, "committed">,
    range: IndexRange,
  ): Generator<Entry> => this.#resumed(range, (log, rest) => log.leaderBoundedStream(leader, rest));

  /**
   * A build outlives its instance: whoever opens the ports next goes on behind the last chunk that was stored. Its turns do
   * not end an instance, or it would come to no chunk; every other call does.
   */
  readonly #tryCreateSnapshotBuilder = (force: boolean): SnapshotBuilder | undefined => {
    const created = this.#call(() => this.#ports.snapshots.tryCreateSnapshotBuilder(force));
    if (created === undefined) return undefined;
    const builder = (): SnapshotBuilder => {
      const { building } = this.#ports.snapshots;
      if (building === undefined) throw new Error("the build is gone");
      return building;
    };
    return {
      step: () => builder().step(),
      buildSnapshot: () => this.#call(() => builder().buildSnapshot()),
    };
  };

  readonly #currentSnapshot = (): Snapshot | undefined => {
    const current = () => this.#ports.snapshots.currentSnapshot();
    const snapshot = this.#call(current);
    return (
      snapshot && {
        meta: snapshot.meta,
        chunks: () => this.#call(() => [...(current()?.chunks() ?? [])]),
      }
    );
  };
}
