#!/usr/bin/env node
/**
 * The entry of the `sluice` command.
 * Invariant: the process ends by itself, once everything is written and nothing is under way.
 */
import { processIo } from "./io.ts";
import { runCli } from "./program.ts";

process.exitCode = await runCli(process.argv.slice(2), processIo);
