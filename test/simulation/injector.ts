/**
 * Faults that wait for their moment inside the engine: at a write, at an await, in a decision, in a writer.
 * Invariant: each strikes once, is counted when it strikes, and only in the simulation that planned it.
 */
import { decisions } from "../../src/machine/index.ts";
import { writers } from "../../src/store/schema.ts";
import type { Coverage, FaultKind } from "./coverage.ts";

/** What strikes after so many more chances. */
interface Planned {
  left: number;
  readonly kind: FaultKind;
}

type WriteFault = "crash before a write" | "crash after a write" | "throw in append";

export class Injector {
  readonly #coverage: Coverage;
  /** How many faults have struck that the engine is to survive. */
  struck = 0;
  isFull = false;
  syncFails = false;
  #write: Planned | undefined;
  #await: Planned | undefined;
  #throw: (Planned & { readonly isAfter: boolean }) | undefined;

  constructor(coverage: Coverage) {
    this.#coverage = coverage;
  }

  planWrite(kind: WriteFault, left: number): void {
    this.#write = { kind, left };
  }

  planAwait(left: number): void {
    this.#await = { kind: "crash at an await", left };
  }

  planThrow(kind: "throw in decide" | "throw in evolve", left: number, isAfter: boolean): void {
    this.#throw = { kind, left, isAfter };
  }

  /** Forgets what has not struck yet. */
  calm(): void {
    this.isFull = false;
    this.syncFails = false;
    this.#write = undefined;
    this.#await = undefined;
    this.#throw = undefined;
  }

  /** Which fault strikes at this write. */
  atWrite(query: string): WriteFault | undefined {
    if (this.isFull && /^\s*(?:insert|create|update)/i.test(query)) {
      this.#strike("storage full");
      throw new Error("database or disk is full");
    }
    const planned = this.#write;
    if (planned === undefined || --planned.left > 0) return undefined;
    this.#write = undefined;
    this.#strike(planned.kind);
    return planned.kind as WriteFault;
  }

  /** Whether the instance dies at this await. */
  diesAtAwait(): boolean {
    const planned = this.#await;
    if (planned === undefined || --planned.left > 0) return false;
    this.#await = undefined;
    this.#strike(planned.kind);
    return true;
  }

  /** Whether this wait for durability fails. */
  failsSync(): boolean {
    if (!this.syncFails) return false;
    this.syncFails = false;
    this.#strike("sync fails");
    return true;
  }

  /** Runs a decision or a writer, which may be struck before it begins or when it has done its work. */
  around<T>(kind: "throw in decide" | "throw in evolve", work: () => T): T {
    const planned = this.#throw;
    const strikes = planned?.kind === kind && --planned.left <= 0;
    if (planned === undefined || !strikes) return work();
    this.#throw = undefined;
    if (planned.isAfter) work();
    this.#strike(kind);
    throw new Error(kind);
  }

  #strike(kind: FaultKind): void {
    this.struck += 1;
    this.#coverage.fault(kind);
  }
}

type Functions = Record<string, (...all: unknown[]) => unknown>;
let active: Injector | undefined;

/** Whose faults strike from now on. */
export function activate(injector: Injector | undefined): void {
  active = injector;
}

/** Does some work in which no decision and no writer is struck: a store that opens applies its log again. */
export function undisturbed<T>(work: () => T): T {
  const before = active;
  active = undefined;
  try {
    return work();
  } finally {
    active = before;
  }
}

/** Puts the injector between the engine and its decisions and writers; once in a process. */
export function wrapMachine(): void {
  const wrap = (table: object, kind: "throw in decide" | "throw in evolve") => {
    const functions = table as Functions;
    for (const [name, original] of Object.entries(functions)) {
      functions[name] = (...all) =>
        active === undefined ? original(...all) : active.around(kind, () => original(...all));
    }
  };
  wrap(decisions, "throw in decide");
  wrap(writers, "throw in evolve");
}
