/** The sql suite on node:sqlite, in memory and in a file. */
import { describe } from "vitest";
import { sqlSuite } from "../sql-suite.ts";
import { inFile, inMemory } from "./support.ts";

describe("in memory", () => sqlSuite(inMemory));
describe("in a file", () => sqlSuite(inFile));
