/**
 * The server that is crashed: plain workerd on one data directory, killed by SIGKILL and started again.
 * Invariant: only the workerd that it started is killed, by its own process id; between two of them nobody has an address.
 */
import { type Bundle, build } from "../../scripts/build.ts";
import { type Server, serve } from "../../scripts/server.ts";
import { newToken } from "../../scripts/token.ts";

export class Site {
  readonly token: string;
  readonly dataDir: string;
  readonly #bundle: Bundle;
  #server: Server;
  #address = Promise.withResolvers<string>();
  /** The crash that goes on, if any. */
  #crash: Promise<void> = Promise.resolve();

  private constructor(dataDir: string, bundle: Bundle, token: string, server: Server) {
    this.dataDir = dataDir;
    this.#bundle = bundle;
    this.token = token;
    this.#server = server;
    this.#address.resolve(server.url);
  }

  static async open(dataDir: string): Promise<Site> {
    const bundle = await build();
    const token = newToken();
    return new Site(dataDir, bundle, token, await serve({ bundle, dataDir, token }));
  }

  /** Resolves with the server's address, once there is a server. */
  url(): Promise<string> {
    return this.#address.promise;
  }

  /** Kills the server where it stands, and starts the next one. */
  crash(): Promise<void> {
    this.#crash = this.#killAndServe();
    return this.#crash;
  }

  async #killAndServe(): Promise<void> {
    this.#address = Promise.withResolvers();
    await this.#server.kill9();
    const { dataDir, token } = this;
    this.#server = await serve({ bundle: this.#bundle, dataDir, token });
    this.#address.resolve(this.#server.url);
  }

  /** Ends the last server. */
  async stop(): Promise<void> {
    await this.#crash.catch(() => undefined);
    await this.#server.stop();
  }
}
