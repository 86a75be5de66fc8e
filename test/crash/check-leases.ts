/**
 * Leases: one at a time, with rising tokens; who holds one may settle, who holds none may not; attempts count what failed.
 * Invariant: two times of the server are compared only where both are certain.
 */
import type { Exchange, Violation } from "./history.ts";
import type { HandOut, Move, Request, Story } from "./story.ts";

export function checkLeases(story: Story): Violation[] {
  const jobs = [...story.handOuts.values()];
  const byToken = new Map<string, HandOut>();
  for (const each of jobs.flat()) byToken.set(`${each.id} ${each.token}`, each);
  return [
    ...checkTokens(story),
    ...jobs.flatMap(checkHolds),
    ...jobs.flatMap(checkCounts),
    ...story.moves.flatMap((move) => {
      const own = byToken.get(`${move.item.id} ${move.item.token}`);
      const others = story.handOuts.get(move.item.id) ?? [];
      return own === undefined ? [] : checkMove(move, own, others);
    }),
  ];
}

const exchangesOf = (...requests: readonly Request[]): Exchange[] =>
  [...new Set(requests)].flatMap(({ tries }) => tries);

const violation = (rule: string, what: string, ...of: readonly { request: Request }[]) => ({
  rule,
  what,
  exchanges: exchangesOf(...of.map(({ request }) => request)),
});

/** A token belongs to one claim, and a claim that began after another was answered has a greater one. */
function checkTokens({ handOuts }: Story): Violation[] {
  const found: Violation[] = [];
  const claims = new Map<string, HandOut>();
  for (const handOut of [...handOuts.values()].flat()) {
    const known = claims.get(handOut.token);
    if (known === undefined) claims.set(handOut.token, handOut);
    else if (known.request !== handOut.request) {
      found.push(violation("tokens", `two claims have token ${handOut.token}`, known, handOut));
    }
  }
  const bySent = [...claims.values()].sort((a, b) => a.request.firstSentAt - b.request.firstSentAt);
  const byEnd = [...claims.values()].sort((a, b) => a.request.endedAt - b.request.endedAt);
  let greatest: HandOut | undefined;
  let next = 0;
  for (const claim of bySent) {
    for (;;) {
      const earlier = byEnd[next];
      if (earlier === undefined || earlier.request.endedAt >= claim.request.firstSentAt) break;
      if (greatest === undefined || earlier.token > greatest.token) greatest = earlier;
      next += 1;
    }
    if (greatest !== undefined && greatest.token >= claim.token) {
      found.push(violation("tokens", `token ${claim.token} is not a later one`, greatest, claim));
    }
  }
  return found;
}

/** No job is held by two, and its tokens rise with the server's time. */
function checkHolds(handOuts: readonly HandOut[]): Violation[] {
  const found: Violation[] = [];
  const byTime = handOuts.toSorted((a, b) => a.now - b.now || (a.token < b.token ? -1 : 1));
  let longest: HandOut | undefined;
  for (const each of byTime) {
    if (longest !== undefined) {
      if (each.now < longest.heldUntil) {
        const times = `to ${longest.heldUntil} by one, and at ${each.now} by another`;
        found.push(violation("one lease", `job ${each.id} was held ${times}`, longest, each));
      }
      if (each.isExact && longest.isExact && each.now > longest.now && each.token < longest.token) {
        found.push(violation("tokens", `a token of job ${each.id} is not greater`, longest, each));
      }
    }
    if (longest === undefined || each.heldUntil >= longest.heldUntil) longest = each;
  }
  return found;
}

/** Hand-outs are counted one by one; between two that follow each other, an attempt counts exactly when it failed. */
function checkCounts(handOuts: readonly HandOut[]): Violation[] {
  const found: Violation[] = [];
  for (const [i, each] of handOuts.entries()) {
    const { id, attempt, maxAttempts } = each;
    if (attempt > maxAttempts) {
      found.push(
        violation("attempts", `job ${id} is in attempt ${attempt} of ${maxAttempts}`, each),
      );
    }
    const before = handOuts[i - 1];
    if (before === undefined) continue;
    const pair = `job ${id}: ${before.deliveries}/${before.attempt}, ${each.deliveries}/${attempt}`;
    if (each.deliveries <= before.deliveries || attempt < before.attempt) {
      found.push(violation("counts", `${pair} go back`, before, each));
    }
    const counted = countedOf(before);
    const isNext = each.deliveries === before.deliveries + 1;
    if (isNext && counted !== undefined && attempt !== before.attempt + counted) {
      found.push(violation("attempts", `${pair} count wrongly`, before, each));
    }
  }
  return found;
}

/** How many attempts a hand-out that ended without completing has cost; undefined where that is not known. */
function countedOf({ moves }: HandOut): number | undefined {
  const ends = moves.filter(({ item }) => item.op !== "extend");
  if (ends.some(({ isOpen, settled }) => isOpen || (settled?.ok && settled.repeated))) return;
  return ends.some(({ item, isFresh }) => isFresh && item.op === "release") ? 0 : 1;
}

/** When the lease was to end, just before a move; undefined where an extension of unknown outcome may have moved it. */
function endBefore(move: Move, { overAt, leaseUntil, moves }: HandOut): number | undefined {
  if (overAt === undefined) return undefined;
  const others = moves.filter((each) => each !== move && each.isFresh && each.now <= move.now);
  const ends = others.map(({ settled }) => (settled?.ok ? (settled.leaseUntil ?? 0) : 0));
  return Math.max(leaseUntil, ...ends);
}

function checkMove(move: Move, own: HandOut, others: readonly HandOut[]): Violation[] {
  const { item, settled, now, isFresh } = move;
  if (settled === undefined) return [];
  const say = (rule: string, what: string, ...more: HandOut[]) => [
    violation(rule, `${item.op} of job ${item.id} at ${now} ${what}`, own, move, ...more),
  ];
  if (!settled.ok) {
    const { code } = settled.problem;
    if (code === "job_unknown") return say("kept", "found no job");
    if (now >= own.now && now < own.heldUntil) {
      return say("holder", `was refused (${code}), though the lease lasted to ${own.heldUntil}`);
    }
    return [];
  }
  if (!isFresh) return [];
  const later = others.find((each) => each.token > item.token && each.now < now);
  if (later !== undefined)
    return say("stale", `passed, though token ${later.token} was out`, later);
  const overAt = endBefore(move, own);
  if (overAt !== undefined && now >= overAt && !settled.late) {
    return say("over", `passed, though the lease ended at ${overAt}`);
  }
  if (settled.late && now >= own.now && now < own.heldUntil) {
    return say("late", `was called late, though the lease lasted to ${own.heldUntil}`);
  }
  return [];
}
