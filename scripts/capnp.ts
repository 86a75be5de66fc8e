/**
 * Writes the configuration with which plain workerd serves the bundle, from what wrangler.toml says.
 * Invariant: an object's `uniqueKey` never changes: it names the folder of its files, and every id derives from it.
 */
import { writeFileSync } from "node:fs";
import { unstable_readConfig } from "wrangler";

/** What is read of wrangler.toml. */
interface Settings {
  readonly name?: string;
  readonly compatibility_date?: string;
  readonly compatibility_flags: readonly string[];
  readonly durable_objects: {
    readonly bindings: readonly { readonly name: string; readonly class_name: string }[];
  };
}

const text = (value: string | undefined) => JSON.stringify(value ?? "");

/** Writes to `file` the workerd configuration for the module `index.js` beside it, after wrangler.toml at `settings`. */
export function writeCapnp(settings: string, file: string): void {
  const config: Settings = unstable_readConfig({ config: settings }, { hideWarnings: true });
  const classes = config.durable_objects.bindings;
  const namespaces = classes.map(
    ({ class_name: name }) =>
      `    (className = ${text(name)}, uniqueKey = ${text(`${config.name}-${name}`)}, enableSql = true),`,
  );
  const bindings = [
    ...classes.map(
      (each) => `(name = ${text(each.name)}, durableObjectNamespace = ${text(each.class_name)})`,
    ),
    ...["SLUICE_TOKEN", "SLUICE_AUTO_CREATE", "SLUICE_DELIVER_HERE"].map(
      (name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`,
    ),
  ].map((binding) => `    ${binding},`);
  writeFileSync(
    file,
    `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "sluice", worker = .sluice),
    # The folder is given at start: workerd serve --directory-path objects=FOLDER
    (name = "objects", disk = (writable = true)),
    # Jobs may be pushed to this machine, and to no other address that is not public.
    (name = "internet", network = (allow = ["public", "local"], tlsOptions = (trustBrowserCas = true))),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "sluice")],
);

const sluice :Workerd.Worker = (
  modules = [(name = "index.js", esModule = embed "index.js")],
  compatibilityDate = ${text(config.compatibility_date)},
  compatibilityFlags = [${config.compatibility_flags.map(text).join(", ")}],
  durableObjectNamespaces = [
${namespaces.join("\n")}
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
${bindings.join("\n")}
  ],
);
`,
  );
}
