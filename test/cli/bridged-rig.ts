/**
 * One client of the bridge, and the links over which the bridge carries it.
 * Invariant: a real TCP connection on this side; on the other links that the test holds.
 */
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setImmediate as turn } from "node:timers/promises";
import { BridgedClient, type ClientKind } from "../../src/cli/redis-client.ts";
import type { Link, LinkListener } from "../../src/cli/redis-link.ts";

/** A link of which the test is the other end. `tell` is told of all that the bridge does to it. */
export class TestLink implements Link {
  /** What the bridge has sent. */
  said = "";
  isClosed = false;
  /** What the bridge has said that was taken. */
  bytesTaken = 0;
  readonly #tell: () => void;
  #listener: LinkListener | undefined;

  constructor(tell: () => void) {
    this.#tell = tell;
  }
  listen(listener: LinkListener): void {
    this.#listener = listener;
  }
  send(bytes: Uint8Array): void {
    this.said += Buffer.from(bytes).toString("latin1");
    this.#tell();
  }
  taken(bytes: number): void {
    this.bytesTaken += bytes;
    this.#tell();
  }
  /** As a socket does, it tells of its close also who closed it. */
  close(): void {
    this.isClosed = true;
    this.lose();
    this.#tell();
  }
  answer(text: string): void {
    this.#listener?.hear(Buffer.from(text, "latin1"));
  }
  lose(untaken = false): void {
    this.#listener?.lost(untaken);
  }
}

type MakeLink = (tell: () => void) => TestLink;

export class BridgedRig {
  readonly client: Socket;
  /** The bridge's end of the connection. */
  readonly theirs: Socket;
  /** What the client has heard. */
  heard = "";
  /** What the bridge has told whoever runs it. */
  told = "";
  /** The links that the bridge has had, in turn. */
  readonly links: TestLink[] = [];
  /** What the next attempt to connect fails with. */
  failure: Error | undefined;
  readonly #server: Server;
  readonly #link: MakeLink;
  #news = Promise.withResolvers<void>();

  private constructor(
    server: Server,
    client: Socket,
    theirs: Socket,
    link: MakeLink,
    kind: ClientKind,
  ) {
    this.#server = server;
    this.#link = link;
    this.client = client;
    this.theirs = theirs;
    client.setEncoding("latin1");
    client.on("data", (text) => {
      this.heard += String(text);
      this.tell();
    });
    theirs.on("pause", () => this.tell());
    const tell = (text: string): void => {
      this.told += text;
    };
    new BridgedClient(theirs, () => this.#connect(), tell, kind);
  }

  /** With `isHalfOpen` the client may go on saying something behind the end of what it hears. `link`: what the bridge connects to. `kind`: by default it speaks Redis and need not show the token. */
  static async open(
    isHalfOpen = false,
    link: MakeLink = (tell) => new TestLink(tell),
    kind: Partial<ClientKind> = {},
  ): Promise<BridgedRig> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const client = connect({ port, host: "127.0.0.1", allowHalfOpen: isHalfOpen });
    const [theirs] = (await once(server, "connection")) as [Socket];
    return new BridgedRig(server, client, theirs, link, {
      isKnown: true,
      dialect: "redis",
      callBytesMax: () => 4 * 1024 * 1024,
      ...kind,
    });
  }

  /** Something has happened: whoever waits looks again. */
  tell(): void {
    this.#news.resolve();
    this.#news = Promise.withResolvers();
  }

  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.#news.promise;
  }

  /** Waits until the system takes no more for the client, which does not read what there is. */
  async stalled(): Promise<void> {
    do await turn();
    while (this.theirs.writableLength === 0);
  }

  close(): void {
    this.client.destroy();
    this.#server.close();
  }

  async #connect(): Promise<Link> {
    if (this.failure !== undefined) throw this.failure;
    const link = this.#link(() => this.tell());
    this.links.push(link);
    return link;
  }
}
