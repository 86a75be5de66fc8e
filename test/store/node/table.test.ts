/** The table suite on node:sqlite, in memory and in a file. */
import { describe } from "vitest";
import { tableSuite } from "../table-suite.ts";
import { inFile, inMemory } from "./support.ts";

describe("in memory", () => tableSuite(inMemory, 300));
describe("in a file", () => tableSuite(inFile, 20));
