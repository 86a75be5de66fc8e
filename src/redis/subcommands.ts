/**
 * Commands that are families: `CLIENT SETNAME`, `CONFIG GET`, `COMMAND INFO`.
 * Invariant: an unknown subcommand, or one with too few or too many words, is told before anything else is looked at, as Redis does.
 */
import { wrongArity } from "../contract/redis-commands.ts";
import { whyNoObject } from "../contract/redis-object.ts";
import { clientSubcommands } from "./client-command.ts";
import { commandSubcommands } from "./command-command.ts";
import type { GateCommand, Subcommands } from "./gate-command.ts";
import { help } from "./help.ts";
import { pubsubSubcommands } from "./pubsub.ts";
import type { Call } from "./requests.ts";
import { configSubcommands } from "./server-commands.ts";

const families: Readonly<Record<string, Subcommands>> = {
  client: { ...clientSubcommands, help: [2, help.client] },
  command: { ...commandSubcommands, help: [2, help.command] },
  config: { ...configSubcommands, help: [2, help.config] },
  pubsub: { ...pubsubSubcommands, help: [2, help.pubsub] },
};

/**
 * What performs a call of a family, or why nothing does; undefined of a command that is none, or that says no second word, and of one that the queue
 * performs.
 */
export function subcommandOf(
  name: string,
  call: Call,
): GateCommand | { readonly error: string } | undefined {
  if (name === "object") {
    const error = whyNoObject(call);
    return error === undefined ? undefined : { error };
  }
  const family = families[name];
  const [, word] = call;
  if (family === undefined || word === undefined) return undefined;
  const named = word.toLowerCase();
  const found = Object.hasOwn(family, named) ? family[named] : undefined;
  if (found === undefined) return { error: unknown(name, word) };
  const [arity, perform] = found;
  const isTaken = arity >= 0 ? call.length === arity : call.length >= -arity;
  return isTaken ? perform : { error: wrongArity(`${name}|${named}`) };
}

function unknown(name: string, word: string): string {
  const known = Object.keys(families[name] ?? {}).map((each) => each.toUpperCase());
  return `ERR unknown subcommand '${word.slice(0, 128)}'. Sluice knows ${name.toUpperCase()} ${known.join(", ")}.`;
}
