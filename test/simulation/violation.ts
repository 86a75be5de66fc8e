/**
 * A violation: what was expected, and what happened instead.
 * Invariant: whatever goes wrong in a run is told as one of these, with nothing caught on the way.
 */
export class Violation extends Error {
  override readonly name = "Violation";
  /** The rule in one word or two: what a smaller history must break too. */
  readonly rule: string;

  constructor(rule: string, what: string, facts: readonly unknown[] = []) {
    const shown = facts.map((fact) => `\n    ${JSON.stringify(fact)}`).join("");
    super(`${rule}: ${what}${shown}`);
    this.rule = rule;
  }
}

/** Throws unless it holds. */
export function demand(holds: boolean, rule: string, what: string, ...facts: unknown[]): void {
  if (!holds) throw new Violation(rule, what, facts);
}

/** Whether two plain values are the same; several times faster than what Node has for all values. */
function isEqual(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (Array.isArray(a) !== Array.isArray(b)) return false;
  const [one, other] = [a as Record<string, unknown>, b as Record<string, unknown>];
  let fields = 0;
  for (const name in one) {
    if (!(name in other) || !isEqual(one[name], other[name])) return false;
    fields += 1;
  }
  for (const _ in other) fields -= 1;
  return fields === 0;
}

/** Throws unless what happened is what was expected. */
export function same(rule: string, what: string, actual: unknown, expected: unknown): void {
  if (isEqual(actual, expected)) return;
  throw new Violation(rule, `${what}: expected, then what happened`, [expected, actual]);
}
