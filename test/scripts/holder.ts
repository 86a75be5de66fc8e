/**
 * A process that starts a server on the data directory that it is given, tells of it, and stays until it is killed.
 * Invariant: it does nothing for the server's end.
 */
import { startServer } from "../server.ts";

const { url, token, pid } = await startServer({ dataDir: process.argv[2] ?? "" });
process.send?.({ url, token, pid });
