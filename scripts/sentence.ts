/**
 * Errors that a person can do something about, said in one sentence and without a stack.
 * Invariant: every script ends through `run`, so a fault still shows its stack and a failure still exits with 1.
 */

/** An error whose message is all that its reader needs. */
export class Sentence extends Error {}

/** Runs a script: a `Sentence` is printed as it is, any other error with its stack; both exit with 1. */
export async function run(script: () => Promise<void>): Promise<void> {
  try {
    await script();
  } catch (error) {
    console.error(error instanceof Sentence ? error.message : error);
    process.exitCode = 1;
  }
}
