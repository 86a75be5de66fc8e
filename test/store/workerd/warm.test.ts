/** The suite of stretches in memory in a Durable Object. */
import { warmSuite } from "../warm-suite.ts";
import { inObject } from "./support.ts";

warmSuite(inObject, 30);
