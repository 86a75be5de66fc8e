/**
 * What pushing the jobs of a queue should do to the queue: its settings and its pause.
 * Invariant: somebody's own pause stands, whatever the target does.
 */
import type { CommandInputs } from "../../../src/contract/commands.ts";
import { type Answer, refused } from "./answers.ts";
import { defined, type State } from "./state.ts";
import type { Turn } from "./turn.ts";

/** As docs/semantics.md has it. */
const defaults = { concurrency: 6, timeoutMs: 30_000, retryRefused: false, capabilities: [] };

/** What is said of a delivery, and who paused it. */
export interface Delivery {
  readonly settings: {
    readonly url: string;
    readonly secrets: readonly string[];
    readonly concurrency: number;
    readonly timeoutMs: number;
    readonly retryRefused: boolean;
    readonly capabilities: readonly string[];
  };
  readonly paused?:
    | {
        readonly at: number;
        readonly reason?: string | undefined;
        readonly probe?: { readonly at: number; readonly failed: number } | undefined;
      }
    | undefined;
}

export function getDelivery({ queue }: State, now: number): Answer {
  if (queue?.delivery === undefined) return refused("delivery_unknown");
  const { settings, paused } = queue.delivery;
  const delivery = defined({
    ...{ ...settings, secrets: settings.secrets.length, paused: paused !== undefined },
    ...{ pausedReason: paused?.reason, pausedAt: paused?.at, probeAt: paused?.probe?.at },
  });
  return { reply: { now, delivery } };
}

function change(turn: Turn, event: string, delivery: Delivery | undefined): void {
  turn.state.queue = defined({ ...turn.queue, delivery });
  turn.emit(event);
}

const show = ({ state, at }: Turn): Answer => getDelivery(state, at);

export function putDelivery(turn: Turn, said: CommandInputs["delivery.put"]): Answer {
  const { delivery } = turn.queue;
  const known = { ...delivery?.settings, ...defined(said) };
  const { url, secrets } = known;
  if (url === undefined || secrets === undefined) {
    const pointer = url === undefined ? "/url" : "/secrets";
    return refused("delivery_incomplete", { errors: [{ pointer, code: "delivery_incomplete" }] });
  }
  const isSame =
    delivery !== undefined &&
    Object.entries(defined(said)).every(
      ([name, value]) =>
        JSON.stringify(value) ===
        JSON.stringify(delivery.settings[name as keyof Delivery["settings"]]),
    );
  if (!isSame) {
    const settings = { ...defaults, ...known } as Delivery["settings"];
    change(turn, "delivery.put", { ...delivery, settings });
  }
  return show(turn);
}

export function pauseDelivery(turn: Turn, input: CommandInputs["delivery.pause"]): Answer {
  const { delivery } = turn.queue;
  if (delivery === undefined) return refused("delivery_unknown");
  const { paused } = delivery;
  const isOwn = paused !== undefined && paused.probe === undefined;
  const isSo = isOwn && (input.probe !== undefined || paused.reason === input.reason);
  if (!isSo) pausedNow(turn, delivery, input);
  return show(turn);
}

/** A copy pushes nothing: it is paused as of its import, also where what it is a copy of was so before. */
export function pauseImported(turn: Turn): void {
  const { delivery } = turn.queue;
  const reason = "imported: resume it to push from here";
  if (delivery !== undefined) pausedNow(turn, delivery, { reason });
}

function pausedNow(
  turn: Turn,
  delivery: Delivery,
  { reason, probe }: CommandInputs["delivery.pause"],
): void {
  change(turn, "delivery.paused", {
    ...delivery,
    paused: defined({ at: turn.at, reason, probe }),
  });
}

export function resumeDelivery(turn: Turn, { isProbed }: CommandInputs["delivery.resume"]): Answer {
  const { delivery } = turn.queue;
  if (delivery === undefined) return refused("delivery_unknown");
  const stays = isProbed && delivery.paused?.probe === undefined;
  if (delivery.paused !== undefined && !stays) {
    change(turn, "delivery.resumed", { settings: delivery.settings });
  }
  return show(turn);
}

export function removeDelivery(turn: Turn): Answer {
  if (turn.queue.delivery === undefined) return refused("delivery_unknown");
  change(turn, "delivery.removed", undefined);
  return { reply: { now: turn.at, removed: true } };
}
