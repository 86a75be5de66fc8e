/**
 * The Worker: joins the gate and the objects.
 * Invariant: decides nothing itself.
 */
import { createApp, type GateEnv } from "./http/app.ts";

export { DirectoryObject } from "./object/directory-object.ts";
export { QueueObject } from "./object/queue-object.ts";

const app = createApp();

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
} satisfies ExportedHandler<GateEnv>;
