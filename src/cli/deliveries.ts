/**
 * Commands on the delivery of a queue: show, set, pause, resume, remove.
 * Invariant: a secret is shown once, when it was made here; what a command leaves out stays as it is.
 */
import type { Command } from "commander";
import { type DeliveryChange, type DeliveryRecord, newWebhookSecret } from "../client/index.ts";
import type { Session } from "./session.ts";
import { durationText, fields, timeField } from "./text.ts";
import { duration, integer, queueArgument } from "./values.ts";

interface SetFlags {
  readonly to?: string;
  readonly secret?: readonly string[];
  readonly newSecret?: true;
  readonly concurrency?: number;
  readonly timeout?: number;
  readonly retryRefused?: boolean;
  readonly capability?: readonly string[];
}

const collect = (word: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  word,
];

export function addDeliveryCommands(program: Command, session: Session): void {
  const group = program
    .command("delivery")
    .description("push the jobs of a queue to an address, instead of having them claimed");
  const of = (name: string, description: string, isDefault = false) =>
    group.command(name, { isDefault }).description(description).addArgument(queueArgument());
  of("show", "show where jobs are pushed to", true).action(async (queue: string) => {
    session.show(await session.queue(queue).delivery.get(), deliveryText);
  });
  of("set", "push jobs to an address, or do it otherwise")
    .option("--to <url>", "where jobs are posted to: https, or this machine in development")
    .option("--secret <whsec>", "what deliveries are signed with; twice for a change-over", collect)
    .option("--new-secret", "make a secret, and show it once")
    .option("--concurrency <n>", "deliveries at once, up to 6", integer)
    .option("--timeout <duration>", "how long a delivery may take", duration)
    .option("--retry-refused", "try jobs again that the target refuses (4xx)")
    .option("--no-retry-refused", "fail jobs that the target refuses")
    .option("--capability <name>", "what jobs may require in order to be pushed", collect)
    .action(async (queue: string, flags: SetFlags) => {
      const made = flags.newSecret ? newWebhookSecret() : undefined;
      const delivery = await session.queue(queue).delivery.put(changeOf(flags, made));
      session.show({ ...delivery, ...(made && { secret: made }) }, deliveryText);
    });
  of("pause", "push no more jobs")
    .option("--reason <text>", "why")
    .action(async (queue: string, { reason }: { reason?: string }) => {
      session.show(await session.queue(queue).delivery.pause(reason), deliveryText);
    });
  of("resume", "push jobs again").action(async (queue: string) => {
    session.show(await session.queue(queue).delivery.resume(), deliveryText);
  });
  of("remove", "leave jobs to be claimed").action(async (queue: string) => {
    await session.queue(queue).delivery.remove();
    session.show({ removed: true }, () => `The jobs of ${queue} are not pushed any more.`);
  });
}

/** A secret that is made stands before those that are named. */
function changeOf(flags: SetFlags, made: string | undefined): DeliveryChange {
  const { to: url, secret = [], concurrency, timeout, retryRefused, capability } = flags;
  const secrets = [...(made === undefined ? [] : [made]), ...secret];
  return {
    url,
    secrets: secrets.length === 0 ? undefined : secrets,
    concurrency,
    timeoutMs: timeout,
    retryRefused,
    capabilities: capability === undefined ? undefined : [...capability],
  };
}

function deliveryText(delivery: DeliveryRecord & { readonly secret?: string }): string {
  const { probeAt, capabilities } = delivery;
  return fields({
    url: delivery.url,
    secrets: delivery.secrets,
    "new secret": delivery.secret,
    concurrency: delivery.concurrency,
    timeout: durationText(delivery.timeoutMs),
    "jobs that are refused": delivery.retryRefused ? "are tried again" : "fail",
    capabilities: capabilities.length === 0 ? undefined : capabilities.join(" "),
    paused: delivery.paused ? (delivery.pausedReason ?? "yes") : "no",
    "tried again": probeAt === undefined ? undefined : timeField(probeAt),
  });
}
