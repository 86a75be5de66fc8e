/**
 * A real Sluice for `@upstash/redis`.
 * Invariant: the package is as it comes; only its address and its token are changed.
 */
import { Redis } from "@upstash/redis";
import type { TestServer } from "../../server.ts";

export interface UpstashOptions {
  readonly automaticDeserialization?: boolean;
  readonly enableAutoPipelining?: boolean;
  readonly readYourWrites?: boolean;
  /** Plain texts in place of base64. */
  readonly responseEncoding?: false;
}

/** @example const redis = upstash(server, { enableAutoPipelining: false }); */
export const upstash = ({ url, token }: TestServer, options: UpstashOptions = {}): Redis =>
  new Redis({ url: `${url}/v1/queues/mail/redis`, token, enableTelemetry: false, ...options });
