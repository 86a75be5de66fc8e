/** The key suite in a Durable Object. */
import { keySuite } from "../key-column-suite.ts";
import { inObject } from "./support.ts";

keySuite(inObject);
