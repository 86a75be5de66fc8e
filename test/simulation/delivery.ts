/**
 * A request on its way: sent by a client, delivered to an instance, decided, answered, or never heard of again.
 * Invariant: what an instance answered is compared with what was decided, once, at the moment it is said.
 */
import type { CommandAnswer, CommandRequest } from "../../src/contract/rpc.ts";
import type { Instance } from "./instance.ts";
import type { Answer } from "./model/answers.ts";
import type { Cursor } from "./model/pages.ts";
import type { Judge } from "./snapshot-audit.ts";

/** What a client asks for, however often it has to send it. */
export interface Call {
  readonly number: number;
  readonly request: CommandRequest;
  /** Told when it is over: with the answer, or undefined when the outcome is unknown. */
  readonly onEnd: (answer: CommandAnswer | undefined) => void;
  isOver: boolean;
}

/** One copy of a request that reached an instance. */
export interface Delivery {
  readonly call: Call;
  readonly instance: Instance;
  /** The reply will not reach the client. */
  readonly isReplyLost: boolean;
  /** As many commands as may wait did so when it came. */
  readonly isBusy: boolean | undefined;
  /** What must be durable before it may be answered. */
  position: number;
  /** What it was decided to be; undefined while it was not decided. */
  decided: Decided | undefined;
}

export interface Decided {
  readonly expected?: Answer | undefined;
  /** What the engine decided, where it was seen to: the answer must be the same text. */
  readonly text?: string | undefined;
  readonly cursor?: Cursor | undefined;
  /** Who says whether the answer is right, where it is not known beforehand. */
  readonly judge?: Judge | undefined;
}

/** An answer as the model says it: without words for people. */
export function toModel(answer: CommandAnswer): Answer {
  if ("reply" in answer) return { reply: withoutWords(JSON.parse(answer.reply)) as object };
  const { refusalCode, facts, errors } = answer.refusal;
  return { refusal: { code: refusalCode, ...facts, ...(errors && { errors: placesOf(errors) }) } };
}

/** Errors, each by its place and code. */
const placesOf = (errors: readonly object[]): object[] =>
  errors.map((error) => {
    const { detail: _, ...place } = error as Record<string, unknown>;
    return place;
  });

interface Items {
  readonly unclaimable?: readonly object[];
  readonly results?: readonly object[];
  readonly items?: readonly object[];
}

/** Problems in a batch are told by code and facts alone, and what no worker can do in no order. */
function withoutWords(reply: Items): Items {
  const { results, items, unclaimable } = reply;
  return {
    ...reply,
    ...(Array.isArray(unclaimable) && { unclaimable: unclaimable.toSorted(byText) }),
    ...(results !== undefined && { results: results.map(withoutProblem) }),
    ...(items !== undefined && { items: items.map(withoutProblem) }),
  };
}

const byText = (a: object, b: object): number => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1);

function withoutProblem(item: { readonly problem?: object }): object {
  if (item.problem === undefined) return item;
  const {
    type: _,
    title: __,
    status: ___,
    detail: ____,
    retryable: _____,
    errors,
    ...facts
  } = item.problem as Record<string, unknown>;
  const places = errors === undefined ? {} : { errors: placesOf(errors as readonly object[]) };
  return { ...item, problem: { ...facts, ...places } };
}

/** How the items of a batch ended that did not end well. */
export function codesOfItems(answer: CommandAnswer): string[] {
  if ("refusal" in answer || !answer.reply.includes('"problem"')) return [];
  const { results = [], items = [] } = JSON.parse(answer.reply) as Items;
  return [...results, ...items].flatMap((item) => {
    const { problem } = item as { readonly problem?: { readonly code: string } };
    return problem === undefined ? [] : [problem.code];
  });
}

/** How an answer ended, in a word. */
export function endOf(answer: CommandAnswer): string {
  return "reply" in answer ? "ok" : answer.refusal.refusalCode;
}
