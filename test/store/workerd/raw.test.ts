/** The suite of the storage as it is, in a Durable Object. */
import { rawSuite } from "../raw-suite.ts";
import { inObject } from "./support.ts";

rawSuite(inObject);
