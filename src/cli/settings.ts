/**
 * Where Sluice is and with which token: from options, then the environment, then the files of a
 * server on this machine.
 * Invariant: a token from a file goes only to this machine, and no token is ever printed.
 */
import { join } from "node:path";
import { parseEnv } from "node:util";
import { InvalidArgumentError } from "commander";
import { fileText, type Io } from "./io.ts";

const DEFAULT_URL = "http://127.0.0.1:8787";
const LOCAL = /^(localhost|127(\.\d+){3}|\[::1\])$/;

export interface Settings {
  readonly url: string;
  readonly token: string | undefined;
}

/** Reads the settings. Throws an `InvalidArgumentError` for a URL that is none. */
export function settings(options: { url?: string; token?: string }, io: Io): Settings {
  const url = options.url || io.env["SLUICE_URL"] || DEFAULT_URL;
  const parsed = URL.parse(url);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) {
    throw new InvalidArgumentError(`"${url}" is no http or https URL.`);
  }
  const given = options.token || io.env["SLUICE_TOKEN"];
  // An empty variable is an unset one.
  if (given) return { url, token: given };
  return { url, token: LOCAL.test(parsed.hostname) ? tokenFromFiles(io.folder) : undefined };
}

/** The token that `npm start` and `npm run dev` share. */
function tokenFromFiles(folder: string): string | undefined {
  const own = fileText(join(folder, ".sluice", "token"))?.trim();
  if (own !== undefined && own !== "") return own;
  return parseEnv(fileText(join(folder, ".dev.vars")) ?? "")["SLUICE_TOKEN"];
}
