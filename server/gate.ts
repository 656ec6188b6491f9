/** What is refused before any page, route or action sees it. */
import type { IncomingMessage } from "node:http";
import { FOREIGN, isForeign, refusalAnswer } from "../lib/http.ts";
import { overLimit } from "../lib/limits.ts";

/** Sealed values and a plan's choices fit in many times over. */
const BODY_AT_MOST = 1_000_000;
const READING = ["GET", "HEAD", "OPTIONS"];

type Answer = { status: number; body: unknown; headers?: Record<string, string> };
const wrong = (status: number, code: string, message: string): Answer => ({ status, body: { code, message } });
const MALFORMED = wrong(400, "http.malformed", "This address cannot be read.");
const TOO_LARGE = wrong(413, "http.too-large", "This is larger than anything that is sent to this portal.");

/** Null when it may go on. `address`: who asks. */
export async function stopAtGate(request: IncomingMessage, address: string): Promise<Answer | null> {
  const { method = "GET", url = "/", headers } = request;
  const [path = "/"] = url.split("?");
  // No text of ours holds the character 0, and PostgreSQL takes none.
  if (/%00/.test(url)) return MALFORMED;
  if (!READING.includes(method)) {
    // Without a length ahead, whoever reads the body stops where it gets too long.
    if (Number(headers["content-length"] ?? 0) > BODY_AT_MOST) return TOO_LARGE;
    // A program shows its key; a browser that was led here shows where it comes from.
    const isProgram = path.startsWith("/api/v1/");
    if (!isProgram && isForeign({ headers: { get: (name) => [headers[name]].flat()[0] ?? null } })) return FOREIGN;
  }
  const refusal = await overLimit(method, path, address);
  return refusal && refusalAnswer(refusal);
}
