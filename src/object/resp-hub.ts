/**
 * What the client of one Redis connection asks of the others: to be told, to tell them, who they are, and to have one wait no longer.
 * Invariant: a connection follows here what stands in its session, for as long as it is in memory.
 */
import type { RedisReply } from "../contract/redis.ts";
import { listOf } from "../redis/client-command.ts";
import type { Hub } from "../redis/gate-command.ts";
import type { Followed } from "../redis/pubsub.ts";
import type { Call } from "../redis/requests.ts";
import type { Session } from "../redis/session.ts";
import { type BlockedClients, timedOut } from "./blocked.ts";
import { PubSub } from "./pubsub.ts";
import { type InfoPorts, RespInfo } from "./resp-info.ts";
import type { RespSocket } from "./resp-kept.ts";
import type { Live, LiveConnections } from "./resp-live.ts";

interface HubPorts extends InfoPorts {
  readonly line: Pick<BlockedClients, "leave" | "size">;
}

const unblocked: RedisReply = { error: "UNBLOCKED client unblocked via CLIENT UNBLOCK" };

export class RespHub {
  readonly #live: LiveConnections;
  readonly #ports: HubPorts;
  readonly #pubsub = new PubSub();
  /** What INFO tells, and what it counts. */
  readonly info: RespInfo;

  constructor(live: LiveConnections, ports: HubPorts) {
    this.#live = live;
    this.#ports = ports;
    this.info = new RespInfo(ports, this.#pubsub);
  }

  /** The hub as the connection of one socket has it. */
  of(socket: RespSocket): Hub {
    const change = (how: "follow" | "unfollow", what: Followed, name: string): void => {
      const live = this.#live.get(socket);
      if (live !== undefined) this.#pubsub[how](what, name, live.connection);
    };
    return {
      follow: (what, name) => change("follow", what, name),
      unfollow: (what, name) => change("unfollow", what, name),
      perform: (call) => {
        if (/^info$/i.test(call[0] ?? "")) return this.info.tell(call);
        if (!/^client$/i.test(call[0] ?? "")) return this.#pubsub.perform(call);
        if (/^unblock$/i.test(call[1] ?? "")) return this.#unblock(call);
        return listOf(call, this.#sessions(), this.#ports.now());
      },
    };
  }

  /** A connection comes into memory, with what it follows. */
  enter(live: Live): void {
    this.#eachFollowed(live, "follow");
  }

  /** It goes, and follows nothing any more. */
  leave(live: Live): void {
    this.#eachFollowed(live, "unfollow");
  }

  #eachFollowed({ connection }: Live, change: "follow" | "unfollow"): void {
    const { channels, patterns } = connection.session;
    for (const name of channels) this.#pubsub[change]("channels", name, connection);
    for (const name of patterns) this.#pubsub[change]("patterns", name, connection);
  }

  /** What is known of each connection that is open. */
  #sessions(): Session[] {
    const open = this.#ports.sockets().filter((socket) => socket.isOpen());
    return open.flatMap(
      (each) => this.#live.get(each)?.connection.session ?? each.kept()?.session ?? [],
    );
  }

  /** CLIENT UNBLOCK: a client waits no longer, unless it is answered already. */
  #unblock([, , id, reason = ""]: Call): number {
    const all = [...this.#live.values()];
    const waiting = all.find(({ connection }) => String(connection.session.id) === id)?.waiting;
    if (waiting === undefined || waiting.isServed || !this.#ports.line.leave(waiting)) return 0;
    waiting.blocker.answer(/^error$/i.test(reason) ? unblocked : timedOut);
    return 1;
  }
}
