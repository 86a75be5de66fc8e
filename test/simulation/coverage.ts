/**
 * What a run has seen: each command by its end, and each kind of fault.
 * Invariant: a fault is counted when it happens, not when it is planned.
 */
export const faultKinds = [
  "alarm late",
  "alarm lost",
  "alarm handler cut off",
  "alarm twice",
  "channel gone with jobs",
  "channel opened",
  "channel resumed",
  "channel served",
  "channel superseded",
  "clock jumps ahead",
  "clock jumps back",
  "code older",
  "command behind slots",
  "command moved to the next group",
  "corrupt log entry",
  "corrupt hard state",
  "corrupt row",
  "crash after a write",
  "crash at an await",
  "crash before a write",
  "crash between steps",
  "database at its bound",
  "dead worker heard over its channel",
  "directory fails",
  "eviction",
  "group split by bytes",
  "job pushed",
  "newer event",
  "newer format",
  "next format",
  "only a prefix durable",
  "reply lost",
  "request delayed",
  "request duplicated",
  "request lost",
  "retry after an unknown outcome",
  "storage full",
  "superseded instance runs on",
  "sweep beside an alarm",
  "sync fails",
  "target fails",
  "throw in append",
  "throw in decide",
  "throw in evolve",
  "waiter gone with jobs",
  "waiter served",
  "worker dead under its channel",
  "worker kept by its channel",
  "writes lost in a crash",
] as const;
export type FaultKind = (typeof faultKinds)[number];

export class Coverage {
  readonly faults = new Map<string, number>();
  /** By command, by how it ended. */
  readonly commands = new Map<string, Map<string, number>>();

  fault(kind: FaultKind): void {
    add(this.faults, kind, 1);
  }

  command(name: string, end: string): void {
    add(this.#endsOf(name), end, 1);
  }

  /** How often a command ended so; in all, without an end. */
  ended(name: string, end?: string): number {
    const ends = this.commands.get(name);
    if (end !== undefined) return ends?.get(end) ?? 0;
    return [...(ends?.values() ?? [])].reduce((sum, count) => sum + count, 0);
  }

  merge(other: Coverage): void {
    for (const [kind, count] of other.faults) add(this.faults, kind, count);
    for (const [name, ends] of other.commands) {
      for (const [end, count] of ends) add(this.#endsOf(name), end, count);
    }
  }

  #endsOf(name: string): Map<string, number> {
    const ends = this.commands.get(name) ?? new Map<string, number>();
    this.commands.set(name, ends);
    return ends;
  }

  /** As data, to cross between threads. */
  toJson(): CoverageJson {
    const commands = [...this.commands].map(([name, ends]) => [name, [...ends]] as const);
    return { faults: [...this.faults], commands };
  }

  static of({ faults, commands }: CoverageJson): Coverage {
    const coverage = new Coverage();
    for (const [kind, count] of faults) coverage.faults.set(kind, count);
    for (const [name, ends] of commands) coverage.commands.set(name, new Map(ends));
    return coverage;
  }
}

type Counts = readonly (readonly [string, number])[];
export interface CoverageJson {
  readonly faults: Counts;
  readonly commands: readonly (readonly [string, Counts])[];
}

function add(counts: Map<string, number>, name: string, count: number): void {
  counts.set(name, (counts.get(name) ?? 0) + count);
}
