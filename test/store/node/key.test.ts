/** The key suite on node:sqlite, in memory and in a file. */
import { describe } from "vitest";
import { keySuite } from "../key-column-suite.ts";
import { inFile, inMemory } from "./support.ts";

describe("in memory", () => keySuite(inMemory));
describe("in a file", () => keySuite(inFile));
