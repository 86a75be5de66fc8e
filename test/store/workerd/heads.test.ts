/** The suite of first rows in a Durable Object. */
import { headsSuite } from "../heads-suite.ts";
import { inObject } from "./support.ts";

headsSuite(inObject);
