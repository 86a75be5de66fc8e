/**
 * Finding the source of values.
 * Invariant: always what JSON.parse would make of the text.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { pointerAt, pointerOf, rawElements, rawMembers } from "../../src/contract/raw-json.ts";
import { objects, quote, type Tree, textOf, trees } from "./json-texts.ts";

const names = ["payload", "jobs", "__proto__"];

/** The text of the last member of a name, as JSON.parse would choose it. */
function lastMember(tree: Tree, name: string): string | undefined {
  if (tree.kind !== "object") return undefined;
  const member = tree.members.findLast(([other]) => other === name);
  return member && textOf(member[2]);
}

describe("rawMembers", () => {
  test("gives the source of a member of one object, whatever stands around it", () => {
    const job = objects(fc.constantFrom(...names, "a"), trees(...names));
    fc.assert(
      fc.property(job, fc.constantFrom("", " \n"), (tree, around) => {
        const text = around + textOf(tree) + around;
        const [found] = rawMembers(text, ["payload"]);
        expect(found).toBe(lastMember(tree, "payload"));
        const parsed = JSON.parse(text) as { payload?: unknown };
        if (found !== undefined) expect(JSON.parse(found)).toEqual(parsed.payload);
      }),
      { numRuns: 1000 },
    );
  });

  test("gives the source for each object of a list, the last of equally named lists", () => {
    const job = objects(fc.constantFrom(...names, "a"), trees(...names));
    const list = fc
      .array(job, { maxLength: 5 })
      .map((items): Tree => ({ kind: "array", items, space: " " }));
    const other = fc.tuple(fc.constantFrom("a", "jobs"), fc.boolean(), trees(...names));
    fc.assert(
      fc.property(
        fc.array(other, { maxLength: 3 }),
        fc.boolean(),
        list,
        (before, escaped, jobs) => {
          const members = [
            ...before,
            ["jobs", escaped, jobs] as const,
            ["z", false, jobs] as const,
          ];
          const text = textOf({ kind: "object", members, space: "\n" });
          const expected = jobs.kind === "array" ? jobs.items : [];
          expect(rawMembers(text, ["payload"], "jobs")).toEqual(
            expected.map((item) => lastMember(item, "payload")),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("reads escapes in names", () => {
    expect(rawMembers(`{${quote("payload", true)}:1.0}`, ["payload"])).toEqual(["1.0"]);
  });

  test("finds whichever of several names an object has", () => {
    const text = '{"items":[{"result":1e1},{"progress":"p"},{"id":"x"}]}';
    expect(rawMembers(text, ["result", "progress"], "items")).toEqual(["1e1", '"p"', undefined]);
  });

  test("goes as deep as JSON.parse does", () => {
    const deep = `${"[".repeat(400_000)}${"]".repeat(400_000)}`;
    expect(rawMembers(`{"payload":${deep}}`, ["payload"])[0]).toHaveLength(deep.length);
  });

  test("throws for text that is not JSON instead of running on", () => {
    for (const text of ["{", '{"a', '{"a":"', '{"a":[', '{"payload" 1}', '{"a":1']) {
      expect(() => rawMembers(text, ["payload"])).toThrow("not valid JSON");
    }
    for (const text of ['{"jobs":[', '{"jobs":[1', '{"jobs":[{}', '{"jobs":[}]}', '{"jobs":[,]}']) {
      expect(() => rawMembers(text, ["payload"], "jobs")).toThrow("not valid JSON");
    }
  });
});

describe("rawElements", () => {
  test("gives the sources of the elements of a list, the last of equally named ones", () => {
    const any = trees("inputs", "payload");
    const space = fc.constantFrom("", " ", "\r\n\t");
    const list = fc
      .tuple(fc.array(any, { maxLength: 5 }), space)
      .map(([items, between]): Tree => ({ kind: "array", items, space: between }));
    const other = fc.tuple(fc.constantFrom("a", "inputs", "__proto__"), fc.boolean(), any);
    fc.assert(
      fc.property(
        fc.array(other, { maxLength: 3 }),
        fc.boolean(),
        list,
        space,
        (before, escaped, inputs, around) => {
          const members = [
            ...before,
            ["inputs", escaped, inputs] as const,
            ["z", false, inputs] as const,
          ];
          const text = around + textOf({ kind: "object", members, space: around }) + around;
          const found = rawElements(text, "inputs");
          expect(found).toEqual(inputs.kind === "array" ? inputs.items.map(textOf) : []);
          const parsed = JSON.parse(text) as { inputs: unknown[] };
          expect(found.map((source) => JSON.parse(source) as unknown)).toEqual(parsed.inputs);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("gives none where the name stands for no list, or for nothing", () => {
    for (const text of ["{}", '{"a":[1]}', '{"inputs":[1],"inputs":{"inputs":[2]}}']) {
      expect(rawElements(text, "inputs")).toEqual([]);
    }
    expect(rawElements('{"inputs":[ ]}', "inputs")).toEqual([]);
  });

  test("goes as deep as JSON.parse does", () => {
    const deep = `${"[".repeat(400_000)}${"]".repeat(400_000)}`;
    expect(rawElements(`{"inputs":[${deep}]}`, "inputs")[0]).toHaveLength(deep.length);
  });

  test("throws for text that is not JSON instead of running on", () => {
    for (const text of ['{"inputs":[', '{"inputs":[1', '{"inputs":[,]}', '{"inputs":[}]}']) {
      expect(() => rawElements(text, "inputs")).toThrow("not valid JSON");
    }
  });
});

describe("pointers", () => {
  test("escape ~ and / as RFC 6901 says", () => {
    expect(pointerOf(["a/b", "m~n", 0, ""])).toBe("/a~1b/m~0n/0/");
  });

  test("name the value in which an offset lies, or the object whose member's name it is", () => {
    const text = '{"a": [1, {"b/c": "here"}], "last": "there"}';
    expect(pointerAt(text, text.indexOf("here"))).toBe("/a/1/b~1c");
    expect(pointerAt(text, text.indexOf("b/c"))).toBe("/a/1");
    expect(pointerAt(text, text.indexOf("there"))).toBe("/last");
    expect(pointerAt(text, text.indexOf("last"))).toBe("");
  });

  test("find every string of any text again", () => {
    fc.assert(
      fc.property(trees("a", "b/c"), (tree) => {
        const text = textOf(tree);
        const found = new Map<string, string>();
        const walk = (value: unknown, path: readonly PropertyKey[]): void => {
          if (typeof value === "string") found.set(pointerOf(path), value);
          else if (typeof value === "object" && value !== null)
            for (const [name, child] of Object.entries(value)) walk(child, [...path, name]);
        };
        walk(JSON.parse(text), []);
        const seen = new Map<string, string>();
        for (const { 0: source, index } of text.matchAll(/"(?:[^"\\]|\\.)*"/g)) {
          const isName = /^\s*:/.test(text.slice(index + source.length));
          if (!isName) seen.set(pointerAt(text, index), JSON.parse(source) as string);
        }
        for (const [pointer, value] of found) expect(seen.get(pointer)).toBe(value);
      }),
      { numRuns: 500 },
    );
  });
});
