/**
 * The benchmark's own Worker: the real application, a hello, a no-op to measure against, and objects that can be measured
 * from inside.
 * Invariant: what is measured passes the same routes, checks and engine as in production; only this entry point knows more.
 */
import type { Context } from "hono";
import { authorize } from "../../../src/auth/tokens.ts";
import { isRejected } from "../../../src/contract/checked.ts";
import { jsonResponse } from "../../../src/http/answers.ts";
import { createApp, type GateEnv } from "../../../src/http/app.ts";
import { readBody } from "../../../src/http/body.ts";
import { refusalResponse } from "../../../src/http/problems.ts";
import type { ClaimsFloor, MembersFloor } from "./floors.ts";
import type { Fill, QueueObject, Slots, TailKind } from "./queue-object.ts";

export { DirectoryObject } from "../../../src/object/directory-object.ts";
export { QueueObject } from "./queue-object.ts";

type Own = "noop" | "fill" | "schedules" | "claims" | "tail" | "evict";
type Floors = "claimsFloor" | "membersFloor";
type Stub = Pick<QueueObject, Own | Floors>;
type Method = (stub: Stub, argument: unknown) => unknown;

/** What may be asked of the bench's objects; the argument is the body. */
const methods: Readonly<Record<string, Method>> = {
  noop: (stub) => stub.noop(),
  fill: (stub, fill) => stub.fill(fill as Fill),
  schedules: (stub, slots) => stub.schedules(slots as Slots),
  claims: (stub, jobs) => stub.claims(jobs as number),
  tail: (stub, kind) => stub.tail(kind as TailKind),
  claimsFloor: (stub, load) => stub.claimsFloor(load as ClaimsFloor),
  membersFloor: (stub, load) => stub.membersFloor(load as MembersFloor),
  evict: async (stub) => {
    // An object that ends cannot answer: the error is the success.
    const isGone = await Promise.resolve(stub.evict()).then(
      () => false,
      () => true,
    );
    return isGone;
  },
};

const app = createApp();

app.get("/bench/hello", () => new Response("hello"));

for (const [name, method] of Object.entries(methods)) {
  app.post(`/bench/${name}/:queue`, async (c: Context<{ Bindings: GateEnv }, "/:queue">) => {
    const refusal = authorize(c.req.raw.headers, c.env);
    if (refusal !== undefined) return refusalResponse(refusal);
    const body = await readBody(c.req.raw);
    if (isRejected(body)) return refusalResponse(body.refusal);
    const argument: unknown = JSON.parse(body.value.text);
    const stub = c.env.QUEUE.getByName(c.req.param("queue")) as unknown as Stub;
    return jsonResponse(JSON.stringify(await method(stub, argument)));
  });
}

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
} satisfies ExportedHandler<GateEnv>;
