/** The snapshot suite in a Durable Object. */
import { snapshotSuite } from "../snapshot-suite.ts";
import { inObject } from "./support.ts";

snapshotSuite(inObject);
