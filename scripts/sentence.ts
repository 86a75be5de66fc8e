/**
 * Errors that a person can do something about, said in one sentence and without a stack.
 * Invariant: every script ends through `run`, so a fault still shows its stack and a failure still exits with 1.
 */

/** An error whose message is all that its reader needs. */
export class Sentence extends Error {}

/** What `parseArgs` says of a command line is for the person who typed it. */
function isForPeople(error: unknown): error is Error {
  const { code = "" } = error as { code?: unknown };
  return error instanceof Sentence || String(code).startsWith("ERR_PARSE_ARGS_");
}

/** Runs a script: an error for people is printed in its words, any other with its stack; both exit with 1. */
export async function run(script: () => Promise<void>): Promise<void> {
  try {
    await script();
  } catch (error) {
    console.error(isForPeople(error) ? error.message : error);
    process.exitCode = 1;
  }
}
