/** The crash suite in a Durable Object. */
import { crashSuite } from "../crash-suite.ts";
import { inObject } from "./support.ts";

crashSuite(inObject);
