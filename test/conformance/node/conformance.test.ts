/** The conformance suite on Node: ports in memory, ports in a file, and the engine. */

import { engine, file, memory } from "../subjects-node.ts";
import { engineSuite, portSuite } from "../suite.ts";

portSuite("memory", memory);
portSuite("file", file);
engineSuite(engine);
