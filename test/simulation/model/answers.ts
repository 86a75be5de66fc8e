/**
 * What an answer is, as the model says it.
 * Invariant: it has no words for people.
 */
/** What an answer is: the reply as an object, or the code of a refusal with its facts. */
export type Answer = { readonly reply: object } | { readonly refusal: Refused };
export interface Refused {
  readonly code: string;
  readonly [fact: string]: unknown;
}

export const refused = (code: string, facts: object = {}): { readonly refusal: Refused } => ({
  refusal: { code, ...facts },
});
