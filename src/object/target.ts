/**
 * What the posts of a queue tell of the target they go to: that it fails, and is to be tried ever later, or that it works again.
 * Invariant: only what was found of the present address is said, and of that the newest, until the queue has taken it.
 */
import type { Probe } from "../contract/deliveries.ts";
import type { CommandRequest } from "../contract/rpc.ts";
import type { DeliveryRow } from "../store/deliveries.ts";

interface TargetPorts {
  now(): number;
  delivery(): DeliveryRow | undefined;
}

/** What is to be said of the target at an address. */
export interface Finding {
  readonly url: string;
  readonly request: CommandRequest;
}

/** A target fails that was at fault so often without a success between. */
const FAULTS_MAX = 5;
const PROBE_MS = 5_000;
const PROBE_MS_MAX = 10 * 60_000;

export class Target {
  readonly #ports: TargetPorts;
  /** Of which address the faults are. */
  #url = "";
  /** Faults since it last worked. */
  #faults = 0;
  #finding: Finding | undefined;

  constructor(ports: TargetPorts) {
    this.#ports = ports;
  }

  /** Whether something is to be said. */
  get hasFinding(): boolean {
    return this.#finding !== undefined;
  }

  /** A post failed by the target's fault. Where it keeps being so, one job after the other is tried, ever later. `probe`: by which it was tried. */
  failed(url: string, reason: string, retryAfterMs = 0, probe?: Probe): void {
    const delivery = this.#turnTo(url);
    if (delivery === undefined) return;
    this.#faults += 1;
    const isKnown = delivery.paused !== undefined;
    // Posts that were under way when the delivery was paused tell nothing new; the one that tried the target does.
    if (probe === undefined && (isKnown || this.#faults < FAULTS_MAX)) return;
    const failed = probe === undefined ? 0 : probe.failed + 1;
    const waitMs = Math.max(retryAfterMs, Math.min(PROBE_MS * 2 ** failed, PROBE_MS_MAX));
    this.#find(url, "delivery.pause", {
      reason,
      probe: { at: this.#ports.now() + waitMs, failed },
    });
  }

  /** A post was taken. */
  worked(url: string): void {
    const delivery = this.#turnTo(url);
    if (delivery === undefined) return;
    this.#faults = 0;
    this.#finding = undefined;
    if (delivery.paused?.probe !== undefined)
      this.#find(url, "delivery.resume", { isProbed: true });
  }

  /** What is to be said now; it is taken to be said. */
  take(): Finding | undefined {
    const finding = this.#finding;
    this.#finding = undefined;
    return finding && this.#turnTo(finding.url) && finding;
  }

  /** It could not be said: again, unless something newer was found. */
  again(finding: Finding): void {
    this.#finding ??= finding;
  }

  #find(url: string, name: "delivery.pause" | "delivery.resume", input: object): void {
    this.#finding = { url, request: { v: 1, name, input, bytes: 0 } };
  }

  /** The delivery, if it still goes to that address; faults of another one count no more. */
  #turnTo(url: string): DeliveryRow | undefined {
    const delivery = this.#ports.delivery();
    if (delivery?.settings.url !== url) return undefined;
    if (this.#url !== url) this.#faults = 0;
    this.#url = url;
    return delivery;
  }
}
