/**
 * CLIENT: what a connection says of itself.
 * Invariant: names are printable and bounded, so that they fit what is kept with the socket.
 */
import { limits } from "../contract/limits.ts";
import type { RedisReply } from "../contract/redis.ts";
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

export const clientSubcommands: Subcommands = {
  getname: [2, ({ session }) => (session.name === "" ? null : session.name)],
  id: [2, ({ session }) => session.id],
  info: [2, ({ session, ports }) => ({ verbatim: lineOf(session, ports.now()) })],
  "no-evict": [3, onOrOff],
  "no-touch": [3, onOrOff],
  reply: [3, reply],
  setinfo: [4, setInfo],
  setname: [3, setName],
};
