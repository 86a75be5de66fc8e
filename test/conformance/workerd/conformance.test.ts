/** The conformance suite in a Durable Object. */

import { object } from "../subjects-workerd.ts";
import { portSuite } from "../suite.ts";

portSuite("object", object);
