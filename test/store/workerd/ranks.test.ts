/** The ranks suite in a Durable Object. */
import { ranksSuite } from "../ranks-suite.ts";
import { inObject } from "./support.ts";

ranksSuite(inObject, 60);
