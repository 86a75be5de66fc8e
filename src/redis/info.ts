/**
 * INFO: what is told of a queue to who watches over a Redis.
 * Invariant: every field is one of Redis 7.0.15, but those that begin with `sluice_`, `server_name` and `pubsub_clients`; what is not known is not told.
 */
import type { RedisKeyspaceReply } from "../contract/redis.ts";
import type { GateReply } from "./frames.ts";
import type { Call } from "./requests.ts";
import { REDIS_VERSION, settings } from "./server-commands.ts";

/** What is known of a queue's Redis connections, as of now. */
export interface ServerFacts {
  readonly queue: string;
  readonly now: number;
  /** Since when its object has been awake, from which on connections and calls are counted. */
  readonly since: number;
  readonly clients: number;
  /** Clients whose calls wait. */
  readonly blocked: number;
  /** Clients that follow something, and the channels and patterns that anybody follows. */
  readonly followers: number;
  readonly channels: number;
  readonly patterns: number;
  readonly connections: number;
  readonly calls: number;
  readonly callsPerSecond: number;
  readonly databaseBytes: number;
  /** Undefined where there is no queue. */
  keyspace(): Promise<RedisKeyspaceReply | undefined>;
}

type Fields = Readonly<Record<string, string | number>>;

/** A size as Redis shows it. */
function shownBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes}B`;
  const power = Math.min(Math.floor(Math.log2(bytes) / 10), 4);
  return `${(bytes / 1024 ** power).toFixed(2)}${"KMGT"[power - 1]}`;
}

const sections: Readonly<Record<string, (facts: ServerFacts) => Fields | Promise<Fields>>> = {
  server: ({ queue, now, since }) => {
    const seconds = Math.max(0, Math.floor((now - since) / 1000));
    return {
      redis_version: REDIS_VERSION,
      redis_mode: "standalone",
      os: "Cloudflare-Workers",
      arch_bits: 64,
      // It listens to none: a bridge does.
      tcp_port: 0,
      server_time_usec: now * 1000,
      uptime_in_seconds: seconds,
      uptime_in_days: Math.floor(seconds / 86_400),
      server_name: "sluice",
      sluice_queue: queue,
    };
  },
  clients: ({ clients, blocked, followers }) => ({
    connected_clients: clients,
    maxclients: settings.maxclients,
    blocked_clients: blocked,
    pubsub_clients: followers,
  }),
  memory: ({ databaseBytes }) => ({
    used_memory: databaseBytes,
    used_memory_human: shownBytes(databaseBytes),
    maxmemory: settings.maxmemory,
    maxmemory_human: shownBytes(Number(settings.maxmemory)),
    maxmemory_policy: settings["maxmemory-policy"],
  }),
  // Every answer is given once it is durable.
  persistence: ({ now }) => ({
    loading: 0,
    async_loading: 0,
    rdb_changes_since_last_save: 0,
    rdb_bgsave_in_progress: 0,
    rdb_last_save_time: Math.floor(now / 1000),
    aof_enabled: 1,
    aof_rewrite_in_progress: 0,
  }),
  stats: ({ connections, calls, callsPerSecond, channels, patterns }) => ({
    total_connections_received: connections,
    total_commands_processed: calls,
    instantaneous_ops_per_sec: callsPerSecond,
    evicted_keys: 0,
    pubsub_channels: channels,
    pubsub_patterns: patterns,
  }),
  replication: () => ({ role: "master", connected_slaves: 0 }),
  modules: () => ({}),
  cluster: () => ({ cluster_enabled: 0 }),
  keyspace: async ({ keyspace }) => {
    const { names, expiring = 0 } = (await keyspace()) ?? { names: 0 };
    return names === 0 ? {} : { db0: `keys=${names},expires=${expiring},avg_ttl=0` };
  },
};

const everything = /^(all|default|everything)$/;

/** The reply to INFO: the sections that are asked for, each once, in the order in which Redis has them. */
export async function infoOf([, ...asked]: Call, facts: ServerFacts): Promise<GateReply> {
  const wanted = new Set(asked.map((section) => section.toLowerCase()));
  const isAll = wanted.size === 0 || [...wanted].some((word) => everything.test(word));
  const texts: string[] = [];
  for (const [name, fieldsOf] of Object.entries(sections)) {
    if (!isAll && !wanted.has(name)) continue;
    const lines = Object.entries(await fieldsOf(facts)).map(
      ([field, value]) => `${field}:${value}`,
    );
    const title = `# ${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    texts.push([title, ...lines, ""].join("\r\n"));
  }
  return { verbatim: texts.join("\r\n") };
}
