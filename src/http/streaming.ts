/**
 * Responses whose parts are made as their receiver takes them.
 * Invariant: nothing is made ahead of who reads it, and a receiver that hangs up ends what makes it.
 */

/** @param leave Called when the receiver hangs up; unless given, `texts` is ended. */
export function streamed(
  texts: AsyncGenerator<string>,
  headers: Readonly<Record<string, string>>,
  leave: () => unknown = () => texts.return(undefined),
): Response {
  const encoder = new TextEncoder();
  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = await texts.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        await leave();
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { ...headers, "cache-control": "no-store" } });
}
