/**
 * The bearer token of the servers on this machine: made once, shared by `npm start`, `npm run dev` and the demo.
 * Invariant: `.dev.vars` (read by wrangler) and `<data-dir>/token` (read by the CLI) hold the same token, readable
 * by their owner only.
 */
import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { root } from "./wrangler.ts";

export interface LocalToken {
  readonly token: string;
  /** The file that holds the token alone. */
  readonly file: string;
}

/** A new token: 64 hex digits. */
export function newToken(): string {
  return randomBytes(32).toString("hex");
}

/** Writes a file that only its owner may read, also when it was there with other rights. */
export function writeSecret(file: string, content: string): void {
  if (existsSync(file)) chmodSync(file, 0o600);
  writeFileSync(file, content, { mode: 0o600 });
}

/** The token of this machine: that of `.dev.vars`, else that of the data directory, else a new one. */
export function localToken(dataDir: string, devVars = join(root, ".dev.vars")): LocalToken {
  mkdirSync(dataDir, { recursive: true });
  const file = join(dataDir, "token");
  const vars = existsSync(devVars) ? readFileSync(devVars, "utf8") : "";
  const shared = parseEnv(vars).SLUICE_TOKEN;
  const own = existsSync(file) ? readFileSync(file, "utf8").trim() : "";
  const token = shared ?? (own === "" ? newToken() : own);
  if (shared === undefined) {
    writeSecret(
      devVars,
      `${vars}${vars === "" || vars.endsWith("\n") ? "" : "\n"}SLUICE_TOKEN=${token}\n`,
    );
  }
  if (own !== token) writeSecret(file, `${token}\n`);
  return { token, file };
}
