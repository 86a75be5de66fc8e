/**
 * CLIENT: what a connection says of itself, and CLIENT UNBLOCK of another one.
 * Invariant: names are printable and bounded, so that they fit what is kept with the socket.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
import { misused } from "./errors.ts";
import type { GateCommand, Subcommands } from "./gate-command.ts";
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

function lineOf(session: Session, now: number): string {
  const age = Math.max(0, Math.floor((now - session.since) / 1000));
  const { id, name, protocol, libName, libVersion } = session;
  return `id=${id} name=${name} age=${age} idle=0 db=0 user=default resp=${protocol} lib-name=${libName} lib-ver=${libVersion}\n`;
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

export const clientSubcommands: Subcommands = {
  getname: [2, ({ session }) => (session.name === "" ? null : session.name)],
  id: [2, ({ session }) => session.id],
  info: [2, ({ session, ports }) => ({ verbatim: lineOf(session, ports.now()) })],
  "no-evict": [3, onOrOff],
  "no-touch": [3, onOrOff],
  reply: [3, reply],
  setinfo: [4, setInfo],
  setname: [3, setName],
  unblock: [-3, unblock],
};
