/**
 * Placeholders of plans: what they become, how they are escaped, and what is refused.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  ARGUMENT_UNITS_MAX,
  type PlaceholderProblem,
  placeholdersOf,
  type ResolvedTask,
  resolveTasks,
  type Task,
} from "../../src/contract/placeholders.ts";

const taskOf = (...args: string[]): Task => ({ task_number: 1, command: "echo", args });

/** What one argument becomes, or the problem. */
function resolve(arg: string, inputText: string): string | PlaceholderProblem {
  const resolved = resolveTasks([taskOf(arg)], inputText);
  return Array.isArray(resolved) ? (resolved[0]?.args[0] ?? "") : resolved;
}

/** The rule of `partsOf`, as its docstring gives it. */
const escaped = (text: string): string => text.replace(/(\\*)\{\{/g, "$1$1\\{{");

/** Texts of what the language is made of, so that every rule is met. */
const pieces = fc
  .array(
    fc.constantFrom("\\", "{", "{{", "}", "}}", "input", ".", "x", "{{input.x}}", "{{input.", "é"),
    { maxLength: 30 },
  )
  .map((all) => all.join(""));

describe("a value", () => {
  test.each([
    ['{"x":"a b"}', "a b"],
    ['{"x":12345678901234567890}', "12345678901234567890"],
    ['{"x": 1.50 }', "1.50"],
    ['{"x":-0}', "-0"],
    ['{"x":1E400}', "1E400"],
    ['{"x":true,"y":{}}', "true"],
    ['{"x":false}', "false"],
    ['{"x":null}', ""],
    ['{"x":""}', ""],
    ['{"x":"\\u00e9\\n\\"]}"}', 'é\n"]}'],
    ['{"x":1,"x":2.0}', "2.0"],
    ['{"\\u0078":3}', "3"],
    ['{"a":{"x":[1,"}"]},"b":[[{"x":2}]],"x":"own"}', "own"],
    ['{"a":"\\\\","x":"]"}', "]"],
    ['\n{\t"x"\r: 7 }', "7"],
  ])("of %s is put in as %j", (inputText, value) => {
    expect(resolve("<{{input.x}}>", inputText)).toBe(`<${value}>`);
  });

  test("of any input is the one that JSON.parse gives", () => {
    fc.assert(
      fc.property(fc.json(), pieces, (nested, x) => {
        const inputText = `{"a":${nested},"x":${JSON.stringify(x)},"b":[${nested}]}`;
        expect(resolve("{{input.x}}", inputText)).toBe(x);
      }),
      { numRuns: 500 },
    );
  });

  test("is not substituted again", () => {
    const inputText = JSON.stringify({ x: "{{input.y}}\\{{", y: "no" });
    expect(resolve("{{input.x}}{{input.x}}", inputText)).toBe("{{input.y}}\\{{{{input.y}}\\{{");
  });

  test("is read from an input of any depth", () => {
    const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
    expect(resolve("{{input.x}}", `{"a":${deep},"x":1.0}`)).toBe("1.0");
    expect(resolve("{{input.x}}", `{"x":${deep}}`)).toMatchObject({ reason: "field_not_plain" });
  });
});

describe("an argument", () => {
  test.each([
    ["\\{{input.x}}", "{{input.x}}"],
    ["\\\\{{input.x}}", "\\V"],
    ["\\\\\\{{input.x}}", "\\{{input.x}}"],
    ["\\\\\\\\{{input.x}}", "\\\\V"],
    ["\\{{", "{{"],
    ["\\\\{{", "\\{{"],
    ["{{{input.x}}}", "{V}"],
    ["\\{{{input.x}}", "{{{input.x}}"],
    ["{\\{{input.x}}", "{{{input.x}}"],
    ["{{input.x}}{{input.x}}", "VV"],
    ["C:\\dir\\{input.x}", "C:\\dir\\{input.x}"],
    ["{{input.x}}\\", "V\\"],
    ["{{input.x}}\\{{input.x}}", "V{{input.x}}"],
    ["{{.Names}} {{ input.x }} {{input.}} {{input.a-b}} {{input.x}", null],
    ["", null],
  ])("%j becomes %j", (arg, text) => {
    expect(resolve(arg, '{"x":"V"}')).toBe(text ?? arg);
  });

  test("that is any text escaped becomes that text", () => {
    fc.assert(
      fc.property(fc.oneof(pieces, fc.string({ unit: "binary" })), (text) => {
        const [wanted, arg] = [text.replaceAll("\0", ""), escaped(text.replaceAll("\0", ""))];
        expect(placeholdersOf([taskOf(arg)])).toEqual([]);
        expect(resolve(arg, "{}")).toBe(wanted);
      }),
      { numRuns: 2_000 },
    );
  });

  test("that is escaped may stand before and behind a placeholder, its last backslashes doubled", () => {
    fc.assert(
      fc.property(pieces, pieces, (before, behind) => {
        // A brace at the end of the text before would begin the placeholder one earlier.
        fc.pre(!before.endsWith("{"));
        const head = escaped(before).replace(/\\+$/, "$&$&");
        expect(resolve(`${head}{{input.x}}${escaped(behind)}`, '{"x":"V"}')).toBe(
          `${before}V${behind}`,
        );
      }),
      { numRuns: 1_000 },
    );
  });

  test("of exactly the longest length is taken, and one unit more is refused", () => {
    const x = "é".repeat(ARGUMENT_UNITS_MAX - 1);
    expect(resolve("-{{input.x}}", JSON.stringify({ x }))).toBe(`-${x}`);
    expect(resolve("--{{input.x}}", JSON.stringify({ x }))).toEqual({
      reason: "argument_too_long",
      task: 1,
      argument: 0,
      detail: "Task 1, args[0]: with its values it has more than 65536 UTF-16 units.",
    });
  });
});

describe("a problem", () => {
  const tasks: Task[] = [
    taskOf("{{input.a}}"),
    { task_number: 2, command: "ls" },
    { task_number: 3, command: "ls", args: ["-l", "{{input.a}}{{input.b}}", "{{input.c}}"] },
  ];

  test.each(['{"a":1}', '{"a":1,"nested":{"b":1}}'])("is a missing field of %s", (inputText) => {
    expect(resolveTasks(tasks, inputText)).toEqual({
      reason: "field_missing",
      task: 3,
      argument: 1,
      field: "b",
      detail: "Task 3, args[1]: the input has no field b.",
    });
  });

  test.each(["null", "[1]", '"a"', "5", "true", '["a"]'])(
    "is a field of the input %s, which has none",
    (inputText) => {
      for (const field of ["a", "0", "length"]) {
        const found = resolve(`{{input.${field}}}`, inputText);
        expect(found).toMatchObject({ reason: "field_missing", field });
      }
    },
  );

  test.each(["{}", "[]", '{"x":1}', "[[1]]"])("is a field that holds %s", (value) => {
    expect(resolveTasks(tasks, `{"a":1,"b":${value}}`)).toEqual({
      reason: "field_not_plain",
      task: 3,
      argument: 1,
      field: "b",
      detail:
        "Task 3, args[1]: the input's field b is an object or an array, which is no argument.",
    });
  });

  test("is a field that every object inherits, unless the input has it", () => {
    for (const field of ["__proto__", "constructor", "toString"]) {
      expect(resolve(`{{input.${field}}}`, "{}")).toMatchObject({ reason: "field_missing" });
      expect(resolve(`{{input.${field}}}`, `{"${field}":1.0}`)).toBe("1.0");
    }
  });

  test("is a NUL, of the plan or of a value that is named", () => {
    const inputText = '{"x":"a\\u0000b"}';
    const refused = { reason: "argument_nul", task: 1, argument: 0 };
    expect(resolve("a\0", inputText)).toMatchObject(refused);
    expect(resolve("{{input.x}}", inputText)).toMatchObject(refused);
    expect(resolve("{{input.y}}", '{"x":"\\u0000","y":"fine"}')).toBe("fine");
  });

  test("shows a long name cut short", () => {
    const field = "f".repeat(60_000);
    const found = resolve(`{{input.${field}}}`, "{}") as PlaceholderProblem;
    expect(found.field).toBe(field);
    expect(found.detail.length).toBeLessThan(200);
  });
});

describe("tasks", () => {
  test("get their defaults, and keep command, timeout and where their input is from", () => {
    const tasks: Task[] = [
      { task_number: 1, command: "{{input.x}}" },
      { task_number: 2, command: "sort", args: [], timeout_secs: 7, input_from_task: 1 },
    ];
    const wanted: ResolvedTask[] = [
      { task_number: 1, command: "{{input.x}}", args: [], timeout_secs: 300 },
      { task_number: 2, command: "sort", args: [], timeout_secs: 7, input_from_task: 1 },
    ];
    expect(resolveTasks(tasks, '{"x":"no"}')).toStrictEqual(wanted);
    expect(placeholdersOf(tasks)).toEqual([]);
  });

  test("name their fields, each once and in order", () => {
    const tasks = [
      taskOf("{{input.b}}{{input.a}}", "\\{{input.no}}"),
      taskOf("{{{input.b}}{{input._9}}"),
    ];
    expect(placeholdersOf(tasks)).toEqual(["b", "a", "_9"]);
  });
});

describe("hostile plans and inputs", () => {
  // What is quadratic would take hours at these lengths.
  const LONG = 1_000_000;
  const repeated = (text: string): string => text.repeat(LONG / text.length);

  test.each([
    "{",
    "\\",
    "{{input.",
    "\\{{",
    "{\\",
    "{{input.x",
    "{{input.x}}",
    "x{{",
    "{{input.x}\\",
  ])("of %j again and again take linear time", (text) => {
    const arg = repeated(text);
    placeholdersOf([taskOf(arg)]);
    resolveTasks([taskOf(arg)], '{"x":""}');
  });

  test.each([
    `{"x":"${repeated("\\\\")}"}`,
    `{"x":"${repeated('\\"')}"}`,
    `{"y":${repeated("[")}${repeated("]")}}`,
    `{${Array.from({ length: 50_000 }, (_, i) => `"k${i}":{}`).join()}}`,
  ])("with the input %#, take linear time", (inputText) => {
    expect(Array.isArray(resolveTasks([taskOf("a")], inputText))).toBe(true);
  });

  test("that multiply a long value are refused before all of it is there", () => {
    const args = Array.from({ length: 100 }, () => "-{{input.x}}{{input.y}}");
    const tasks = Array.from({ length: 100 }, (_, i) => ({
      ...taskOf(...args),
      task_number: i + 1,
    }));
    const before = process.memoryUsage().heapUsed;
    const resolved = resolveTasks(
      tasks,
      JSON.stringify({ x: "v".repeat(60_000), y: "w".repeat(5_000) }),
    );
    // 10,000 arguments of 65,001 units would be 650 MB.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50_000_000);
    expect(resolved).toMatchObject({ reason: "arguments_too_long", task: 1, argument: 32 });
  });
});
