/** The suite of finding rows of a snapshot, in a Durable Object. */
import { lookupSuite } from "../lookup-suite.ts";
import { inObject } from "./support.ts";

lookupSuite(inObject);
