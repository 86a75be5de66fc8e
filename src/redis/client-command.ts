/**
 * CLIENT: what a connection says of itself, and CLIENT LIST and UNBLOCK of others.
 * Invariant: names are printable and bounded, so that they fit what is kept with the socket.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import { shown } from "../contract/redis-commands.ts";
import { misused } from "./errors.ts";
import type { GateReply } from "./frames.ts";
import type { GateCommand } from "./gate-command.ts";
import type { Call } from "./requests.ts";
import type { Session } from "./session.ts";

const ok: RedisReply = { ok: "OK" };
const syntaxError: RedisReply = { error: "ERR syntax error" };

export const badName = {
  error: "ERR Client names cannot contain spaces, newlines or special characters.",
} as const satisfies RedisReply;

/** Whether a client may be called so; an empty name is none. */
export const isClientName = (name: string): boolean =>
  /^[!-~]*$/.test(name) && name.length <= limits.respNameCharsMax;

const setName: GateCommand = ({ session }, [, , name = ""]) => {
  if (!isClientName(name)) return badName;
  session.name = name;
  return ok;
};

const setInfo: GateCommand = ({ session }, [, , option = "", value = ""]) => {
  const name = option.toLowerCase();
  if (name !== "lib-name" && name !== "lib-ver") {
    return { error: `ERR Unrecognized option '${option.slice(0, 128)}'` };
  }
  if (!isClientName(value)) {
    return { error: `ERR ${name} cannot contain spaces, newlines or special characters.` };
  }
  if (name === "lib-name") session.libName = value;
  else session.libVersion = value;
  return ok;
};

/** A connection with all fields that Redis has, since libraries look for them; an address and buffers it has none of its own. */
function lineOf(session: Session, now: number, cmd = "NULL"): string {
  const { id, name, since, protocol, channels, patterns, libName, libVersion } = session;
  const fields = {
    ...{ id, addr: "?:0", laddr: "?:0", fd: -1, name },
    age: Math.max(0, Math.floor((now - since) / 1000)),
    ...{ idle: 0, flags: isFollower(session) ? "P" : "N", db: 0 },
    ...{ sub: channels.length, psub: patterns.length, ssub: 0, multi: -1 },
    ...{ qbuf: 0, "qbuf-free": 0, "argv-mem": 0, "multi-mem": 0, rbs: 0, rbp: 0 },
    ...{ obl: 0, oll: 0, omem: 0, "tot-mem": 0, events: "r", cmd, user: "default" },
    ...{ redir: -1, resp: protocol, "lib-name": libName, "lib-ver": libVersion },
  };
  const words = Object.entries(fields).map(([field, value]) => `${field}=${value}`);
  return `${words.join(" ")}\n`;
}

const isFollower = ({ channels, patterns }: Session): boolean =>
  channels.length + patterns.length > 0;

const types = new Map<string, (session: Session) => boolean>([
  ["normal", (session) => !isFollower(session)],
  ["pubsub", isFollower],
  // There is nothing that replicates.
  ["master", () => false],
  ["replica", () => false],
  ["slave", () => false],
]);

/** The reply to CLIENT LIST, of all connections of a queue. */
export function listOf(call: Call, sessions: readonly Session[], now: number): GateReply {
  const [, , filter = "", ...values] = call;
  const tell = (told: readonly Session[]): GateReply => ({
    verbatim: told.map((session) => lineOf(session, now)).join(""),
  });
  if (call.length === 2) return tell([...sessions].sort((a, b) => a.id - b.id));
  if (/^type$/i.test(filter) && values.length === 1) {
    const isOfType = types.get((values[0] ?? "").toLowerCase());
    if (isOfType !== undefined) return tell(sessions.filter(isOfType));
    return { error: `ERR Unknown client type '${shown(values[0] ?? "")}'` };
  }
  if (!/^id$/i.test(filter) || values.length === 0) return syntaxError;
  if (!values.every(isInteger64)) return { error: "ERR Invalid client ID" };
  return tell(values.flatMap((id) => sessions.filter((session) => String(session.id) === id)));
}

/** What Redis can be told of keeping memory and tracking time, which means nothing here. */
const onOrOff: GateCommand = (_, [, , word = ""]) => (/^(on|off)$/i.test(word) ? ok : syntaxError);

/** A client that wants no replies would not know what became of its calls, and the bridge not when it is idle. */
const reply: GateCommand = (_, [, , word = ""]) => {
  if (/^on$/i.test(word)) return ok;
  return /^(off|skip)$/i.test(word)
    ? { error: "ERR CLIENT REPLY OFF and SKIP are not supported: every call is answered" }
    : syntaxError;
};

/** Ends the waiting of another client, who is told that its time is over, or an error. */
const unblock: GateCommand = ({ ports }, call) => {
  const [, word = "", id = "", reason = "timeout", ...more] = call;
  if (more.length > 0) return misused(word, "CLIENT");
  if (!/^(timeout|error)$/i.test(reason)) {
    return { error: "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR" };
  }
  if (!isInteger64(id)) return { error: "ERR value is not an integer or out of range" };
  return ports.hub.perform(call);
};

/** Whether a text is an integer of 64 bits, as Redis spells them. */
function isInteger64(text: string): boolean {
  if (!/^(0|-?[1-9]\d{0,18})$/.test(text)) return false;
  return BigInt.asIntN(64, BigInt(text)) === BigInt(text);
}

export const clientCommands = {
  "client|getname": ({ session }) => (session.name === "" ? null : session.name),
  "client|id": ({ session }) => session.id,
  "client|info": ({ session, ports }) => ({
    verbatim: lineOf(session, ports.now(), "client|info"),
  }),
  "client|list": ({ ports }, call) => ports.hub.perform(call),
  "client|no-evict": onOrOff,
  "client|no-touch": onOrOff,
  "client|reply": reply,
  "client|setinfo": setInfo,
  "client|setname": setName,
  "client|unblock": unblock,
} as const satisfies Readonly<Record<string, GateCommand>>;
