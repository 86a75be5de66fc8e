/**
 * How refusals are told in Redis's terms.
 * Invariant: a client that knows Redis's prefixes understands what kind of refusal it is; the rest of the line says what to do.
 */
import type { Refusal, RefusalCode } from "../contract/refusals.ts";
import { binaryOf } from "./binary.ts";

/** The line of an error, without the dash. */
export const errorOf = ({ refusalCode, detail }: Refusal): string =>
  `${prefixes[refusalCode] ?? "ERR"} ${binaryOf(detail)}`;

/** What Redis answers to a subcommand with too many words. */
export const misused = (word: string, family: string) => ({
  error: `ERR unknown subcommand or wrong number of arguments for '${word.slice(0, 128)}'. Try ${family} HELP.`,
});

const prefixes: Readonly<Partial<Record<RefusalCode, string>>> = {
  queue_full: "OOM",
  store_corrupt: "READONLY",
  store_newer: "READONLY",
};
