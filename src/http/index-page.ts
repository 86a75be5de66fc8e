/**
 * The answer to `GET /`: what is served here, made of the table of routes.
 * Invariant: says nothing about this deployment's queues, so it needs no token.
 */
import { commands } from "../contract/commands.ts";
import { jsonResponse } from "./answers.ts";
import { routes } from "./routes.ts";

const links = [
  { method: "GET", path: "/health", summary: "Whether the service is open" },
  { method: "GET", path: "/v1/queues", summary: "List queues" },
  ...routes.map(({ method, path, command }) => ({
    method,
    path: `/v1/queues/{queue}${path.replace(/:(\w+)/, "{$1}")}`,
    summary: commands[command].summary,
  })),
];

const rows = links
  .map(({ method, path, summary }) => `<tr><td>${method}<td><code>${path}</code><td>${summary}`)
  .join("\n");
const html = `<!doctype html><html lang="en"><meta charset="utf-8"><title>Sluice</title>
<style>body{font:1rem/1.5 system-ui;margin:2rem}td{padding:0 1rem 0 0}</style>
<h1>Sluice</h1><p>A job queue. Every address but this one and <a href="/health">/health</a>
wants <code>Authorization: Bearer &lt;token&gt;</code>.</p>
<table>${rows}</table></html>`;
const json = JSON.stringify({ service: "sluice", links });

/** The index as JSON, or as a page where a browser asks. */
export function indexPage(request: Request): Response {
  if (!request.headers.get("accept")?.includes("text/html")) return jsonResponse(json);
  return new Response(html, {
    headers: { "content-type": "text/html; charset=utf-8", "cache-control": "no-store" },
  });
}
